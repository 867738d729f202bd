(** Memory is granted once: objects do not overlap, the own parts of regions do not overlap, every
    piece of every object lies in a region's own part wholly or not at all, and a range is granted
    again only when nothing of what was in it is left. *)

From Coq Require Import Arith List Lia.
From Isolation Require Import Capability State Step Identity.
Import ListNotations.

Definition extent_of (s : state) (p : place) (e : extent) : Prop :=
  exists o, objects s p = Some o /\ In e (extents o).

(** A region that exists, at [p]. *)
Definition region_of (s : state) (p : place) (b : range) : Prop :=
  exists o, objects s p = Some o /\ kind o = Region /\ id o <> 0 /\ bounds o = b.

(** ** The invariant *)

(** The extent lies wholly in [[low, high)], or wholly outside. *)
Definition whole (e : extent) (low high : place) : Prop :=
  low <= first e /\ first e + size e <= high \/ first e + size e <= low \/ high <= first e.

(** Two regions cover nothing in common, or one lies in what the other gave away; a region of
    devices gives nothing away and was split off nothing. *)
Definition nested (b b' : range) : Prop :=
  last b <= base b' \/ last b' <= base b
  \/ device b = false /\ device b' = false
     /\ (limit b <= base b' /\ last b' <= last b \/ limit b' <= base b /\ last b <= last b').

(** A region of memory has its object in its own first cell, so a range without objects holds no
    region; a region of devices gives nothing away. *)
Definition sound_range (p : place) (b : range) : Prop :=
  base b <= limit b /\ limit b <= last b
  /\ if device b then limit b = last b else base b = p /\ base b < limit b.

Record layout (s : state) : Prop := {
  head_at_place : forall p o, objects s p = Some o ->
    exists n rest, extents o = Extent p n :: rest /\ 0 < n;
  extents_positive : forall p e, extent_of s p e -> 0 < size e;
  extents_apart : forall p q e e' x,
    extent_of s p e -> extent_of s q e' -> inside x e -> inside x e' -> p = q;
  regions_sound : forall p b, region_of s p b -> sound_range p b;
  regions_nested : forall p q b b', region_of s p b -> region_of s q b' -> p <> q -> nested b b';
  objects_whole : forall p b q e, region_of s p b -> extent_of s q e ->
    whole e (base b) (limit b) /\ whole e (base b) (last b)
}.

(** ** What one step does to extents and regions *)

Lemma has_region : forall s t r x o,
  has s t Region r x -> objects s r = Some o -> region_of s r (bounds o).
Proof.
  intros s t r x o H Ho; apply has_kind in H; destruct H as (o' & H' & ? & ?); same; eexists; eauto.
Qed.

(** Extents are as before, or the free memory of somebody's region given to one object. *)
Definition granted (s : state) (e : extent) : Prop :=
  free s e /\ 0 < size e /\ exists r b, region_of s r b /\ forall x, inside x e -> mine b x.

Lemma fill_granted : forall s t e, may_fill s t e -> free s e -> granted s e.
Proof.
  intros s t e (r & o & Hr & Ho & Hs & Hx) HF.
  repeat split; auto. exists r, (bounds o); split; eauto using has_region.
Qed.

Ltac old_extent := match goal with
  | E : objects _ ?p = Some _, I : In ?e _ |- extent_of _ ?p ?e \/ _ =>
    solve [left; eexists; split; eauto]
  end.

Lemma in_middle : forall A (h e a : A) l l', In a (h :: l ++ l') -> In a (h :: l ++ e :: l').
Proof. intros A h e a l l'; simpl; rewrite !in_app_iff; simpl; tauto. Qed.

Lemma step_extents : forall s who s', step s who s' ->
  exists z, forall p e, extent_of s' p e -> extent_of s p e \/ p = z /\ granted s e.
Proof.
  intros s who s' H.
  destruct H;
    try (exists 0; intros z e' (o' & Ho' & He'); unfold relink in Ho'; simpl in Ho'; look; same;
      simpl in He'; try old_extent; left; eexists; split; eauto; fail).
  - (* Make *)
    exists p; intros z e' (o' & Ho' & He'); simpl in Ho'; look; same; simpl in He'.
    + right; split; [reflexivity|]. apply fill_granted with t; auto.
    + old_extent.
    + old_extent.
  - (* Split *)
    assert (region_of s R b)
      by (match goal with E : bounds _ = b |- _ => rewrite <- E end; eauto using has_region).
    clear H1; exists x; intros z e' (o' & Ho' & He'); simpl in Ho'; look; same; simpl in He';
      try old_extent.
    destruct He' as [<-|[]]; right; split; [reflexivity|].
    split; [|split; [simpl; lia|]].
    + intros y Hy; apply H4; unfold inside in *; simpl in *; lia.
    + exists R, b; split; auto; unfold inside, mine; simpl; intros; lia.
  - (* Extend *)
    exists p; intros z e' (o' & Ho' & He'); simpl in Ho'; look; same; simpl in He'.
    + apply in_app_iff in He'; destruct He' as [He'|[<-|[]]]; [old_extent|].
      right; split; [reflexivity|]. eauto using fill_granted.
    + old_extent.
  - (* Shed *)
    exists 0; intros z e' (o' & Ho' & He'); simpl in Ho'; look; same; try old_extent.
    left; exists o; split; auto. simpl in He'; rewrite H0. apply in_middle; exact He'.
Qed.

(** Regions are as before or fewer, or one takes back free memory, or one is cut in two. *)
Inductive regions_change (s s' : state) : Prop :=
| Fewer :
    (forall p b, region_of s' p b -> region_of s p b) -> regions_change s s'
| Merged : forall R b n,
    region_of s R b -> limit b + n <= last b -> free s (Extent (limit b) n) ->
    (forall p e, extent_of s' p e -> extent_of s p e) ->
    (forall p b', region_of s' p b' ->
      p <> R /\ region_of s p b'
      \/ p = R /\ b' = Range (base b) (limit b + n) (last b) (device b)) ->
    regions_change s s'
| Cut : forall R b x,
    region_of s R b -> device b = false -> base b < x < limit b ->
    free s (Extent x (limit b - x)) ->
    (forall p e, extent_of s' p e -> extent_of s p e \/ e = Extent x 1) ->
    (forall p b', region_of s' p b' ->
      p <> R /\ region_of s p b'
      \/ p = R /\ b' = Range (base b) x (last b) false
      \/ p = x /\ b' = Range x (limit b) (limit b) false) ->
    regions_change s s'.

Ltac old_region := match goal with
  | E : objects _ ?p = Some ?o |- region_of _ ?p _ => exists o; repeat split; auto; congruence
  | |- region_of _ ?p _ => eexists; repeat split; eauto
  end.

Lemma step_regions : forall s who s', step s who s' -> regions_change s s'.
Proof.
  intros s who s' H.
  destruct H;
    try (apply Fewer; intros z b' (o' & Ho' & Hk & Hi & Hb); unfold relink in Ho'; simpl in Ho';
      look; same; simpl in *; try congruence; old_region; fail).
  - (* Split *)
    assert (RR : region_of s R b)
      by (match goal with E : bounds _ = b |- _ => rewrite <- E end; eauto using has_region).
    apply Cut with R b x; auto.
    + intros z e' (o' & Ho' & He'); simpl in Ho'; look; same; simpl in He'; try old_extent.
      destruct He' as [<-|[]]; auto.
    + intros z b' (o' & Ho' & Hk & Hi & Hb); simpl in Ho'.
      assert (T <> R) by (eapply has_apart; eauto; congruence).
      look; same; simpl in *; auto;
        left; split; auto; eexists; repeat split; eauto.
  - (* Merge *)
    assert (RR : region_of s R b)
      by (match goal with E : bounds _ = b |- _ => rewrite <- E end; eauto using has_region).
    apply Merged with R b n; auto.
    + intros z e' (o' & Ho' & He'); simpl in Ho'; look; same; simpl in He'; eexists; eauto.
    + intros z b' (o' & Ho' & Hk & Hi & Hb); simpl in Ho'; look; same; simpl in *; auto.
      left; split; auto; eexists; repeat split; eauto.
Qed.

(** ** It is kept *)

Lemma occupied_by : forall s p e x, extent_of s p e -> inside x e -> occupied s x.
Proof. intros s p e x (o & Ho & He) Hx; exists p, o, e; auto. Qed.

(** What lies in one region's own part lies wholly in or outside any other region. *)
Lemma own_whole_elsewhere : forall e b b',
  0 < size e -> (forall x, inside x e -> mine b x) -> nested b b' ->
  base b <= limit b -> limit b <= last b -> base b' <= limit b' -> limit b' <= last b' ->
  whole e (base b') (limit b') /\ whole e (base b') (last b').
Proof.
  unfold mine, nested, whole, inside; intros e b b' Hs Hx Hn; intros.
  pose proof (Hx (first e)). pose proof (Hx (first e + size e - 1)). lia.
Qed.

Lemma own_whole_here : forall e b,
  0 < size e -> (forall x, inside x e -> mine b x) -> limit b <= last b ->
  whole e (base b) (limit b) /\ whole e (base b) (last b).
Proof.
  unfold mine, whole, inside; intros e b Hs Hx; intros.
  pose proof (Hx (first e)). pose proof (Hx (first e + size e - 1)). lia.
Qed.

Lemma granted_whole : forall s e p b, layout s ->
  granted s e -> region_of s p b -> whole e (base b) (limit b) /\ whole e (base b) (last b).
Proof.
  intros s e p b L (_ & Hs & r & br & Hr & Hx) Hp.
  destruct (regions_sound _ L _ _ Hr) as (? & ? & _), (regions_sound _ L _ _ Hp) as (? & ? & _).
  destruct (Nat.eq_dec p r) as [->|N].
  - assert (b = br) as -> by (destruct Hr as (? & ? & _ & _ & <-), Hp as (? & ? & _ & _ & <-);
      same; reflexivity).
    apply own_whole_here; auto.
  - apply own_whole_elsewhere with br; auto. eapply (regions_nested _ L); eauto.
Qed.

(** An extent that exists has no cell in free memory. *)
Lemma not_in_free : forall s p e f, extent_of s p e -> 0 < size e -> free s f -> 0 < size f ->
  first e + size e <= first f \/ first f + size f <= first e.
Proof.
  intros s p e f He Hs Hf Hsf.
  destruct (le_lt_dec (first f) (first e)).
  - destruct (le_lt_dec (first f + size f) (first e)); [auto|].
    exfalso; apply (Hf (first e)); [|eapply occupied_by; eauto]; unfold inside; lia.
  - destruct (le_lt_dec (first e + size e) (first f)); [auto|].
    exfalso; apply (Hf (first f)); [|eapply occupied_by; eauto]; unfold inside; lia.
Qed.

Lemma regions_sound_kept : forall s s', layout s -> regions_change s s' ->
  forall p b, region_of s' p b -> sound_range p b.
Proof.
  intros s s' L [F | R b0 n HR Hn _ _ HB | R b0 x HR Hd Hx _ _ HB] p b Hp.
  - apply (regions_sound _ L); auto.
  - destruct (HB _ _ Hp) as [[_ ?]|[-> ->]]; [apply (regions_sound _ L); auto|].
    pose proof (regions_sound _ L _ _ HR) as S; unfold sound_range in *; simpl in *.
    destruct (device b0); lia.
  - pose proof (regions_sound _ L _ _ HR) as S; unfold sound_range in S;
      rewrite Hd in S; simpl in S.
    destruct (HB _ _ Hp) as [[_ ?]|[[-> ->]|[-> ->]]];
      [apply (regions_sound _ L); auto | unfold sound_range; simpl; lia ..].
Qed.

(** The object of a region of memory is in the region's own first cell. *)
Lemma region_extent : forall s p b, layout s -> region_of s p b -> device b = false ->
  exists n, extent_of s p (Extent (base b) n) /\ 0 < n.
Proof.
  intros s p b L H Hd. pose proof (regions_sound _ L _ _ H) as (_ & _ & S); rewrite Hd in S.
  destruct H as (o & Ho & _ & _ & Hb).
  destruct (head_at_place _ L _ _ Ho) as (n & rest & He & Hn).
  exists n; split; auto. destruct S as [-> _]. exists o; rewrite He; simpl; auto.
Qed.

Lemma nested_symmetric : forall b b', nested b b' -> nested b' b.
Proof. unfold nested; tauto. Qed.

(** After a merge the region still nests with any other: none lies in what was free. *)
Lemma merged_nested : forall s q bq R b n, layout s ->
  region_of s R b -> region_of s q bq -> q <> R ->
  limit b + n <= last b -> free s (Extent (limit b) n) ->
  nested bq (Range (base b) (limit b + n) (last b) (device b)).
Proof.
  intros s q bq R b n L HR Hq N Hn Hf.
  pose proof (regions_nested _ L _ _ _ _ Hq HR N) as S.
  pose proof (regions_sound _ L _ _ Hq) as (? & ? & Sq).
  pose proof (regions_sound _ L _ _ HR) as (? & ? & _).
  destruct (Nat.eq_dec n 0) as [->|]; [rewrite Nat.add_0_r; destruct b; exact S|].
  destruct (device bq) eqn:Hd;
    [unfold nested in *; simpl; intuition (try congruence; lia)|].
  destruct (region_extent _ _ _ L Hq Hd) as (m & He & Hm).
  destruct (not_in_free _ _ _ _ He Hm Hf ltac:(simpl; lia)) as [F|F]; simpl in F;
    unfold nested in *; simpl; intuition (try congruence; lia).
Qed.

Lemma nested_kept : forall s s', layout s -> regions_change s s' ->
  forall p q b b', region_of s' p b -> region_of s' q b' -> p <> q -> nested b b'.
Proof.
  intros s s' L [F | R b0 n HR Hn Hf _ HB | R b0 x HR Hd Hx _ _ HB] p q b b' Hp Hq N.
  - eapply (regions_nested _ L); eauto.
  - destruct (HB _ _ Hp) as [[Np Hp']|[-> ->]], (HB _ _ Hq) as [[Nq Hq']|[-> ->]];
      [eapply (regions_nested _ L) | | apply nested_symmetric | congruence];
      eauto using merged_nested, nested_symmetric.
  - pose proof (regions_sound _ L _ _ HR) as S; unfold sound_range in S; rewrite Hd in S.
    assert (O : forall z bz, region_of s z bz -> z <> R ->
      nested bz (Range (base b0) x (last b0) false)
      /\ nested bz (Range x (limit b0) (limit b0) false)).
    { intros z bz Hz Nz. pose proof (regions_nested _ L _ _ _ _ Hz HR Nz) as NN.
      pose proof (regions_sound _ L _ _ Hz) as (? & ? & _).
      unfold nested in *; simpl; intuition (try congruence; lia). }
    assert (K : nested (Range (base b0) x (last b0) false)
                       (Range x (limit b0) (limit b0) false))
      by (unfold nested; simpl; intuition lia).
    destruct (HB _ _ Hp) as [[Np Hp']|[[-> ->]|[-> ->]]],
             (HB _ _ Hq) as [[Nq Hq']|[[-> ->]|[-> ->]]];
      try congruence; try (eapply (regions_nested _ L); eauto; fail);
      repeat match goal with
      | Hz : region_of s ?z _, Nz : ?z <> R |- _ => destruct (O _ _ Hz Nz); clear Hz
      end; auto using nested_symmetric.
Qed.

Lemma whole_kept : forall s who s', layout s -> step s who s' ->
  forall p b q e, region_of s' p b -> extent_of s' q e ->
  whole e (base b) (limit b) /\ whole e (base b) (last b).
Proof.
  intros s who s' L H p b q e Hp Hq.
  destruct (step_regions _ _ _ H) as [F | R b0 n HR Hn Hf FE HB | R b0 x HR Hd Hx Hf FE HB].
  - apply F in Hp. destruct (step_extents _ _ _ H) as [z E].
    destruct (E _ _ Hq) as [Ho|[_ G]]; [eapply (objects_whole _ L) | eapply granted_whole]; eauto.
  - apply FE in Hq.
    destruct (HB _ _ Hp) as [[_ Ho]|[-> ->]]; [eapply (objects_whole _ L); eauto|]; simpl.
    destruct (objects_whole _ L _ _ _ _ HR Hq) as [W W']; split; [|exact W'].
    destruct (Nat.eq_dec n 0) as [->|]; [unfold whole in *; lia|].
    pose proof (extents_positive _ L _ _ Hq) as P.
    destruct (not_in_free _ _ _ _ Hq P Hf ltac:(simpl; lia)) as [D|D];
      unfold whole in *; simpl in D; lia.
  - pose proof (regions_sound _ L _ _ HR) as S; unfold sound_range in S; rewrite Hd in S.
    destruct (FE _ _ Hq) as [Hq'| ->].
    + pose proof (extents_positive _ L _ _ Hq') as P.
      destruct (not_in_free _ _ _ _ Hq' P Hf ltac:(simpl; lia)) as [D|D]; simpl in D;
        destruct (HB _ _ Hp) as [[_ Ho]|[[-> ->]|[-> ->]]];
        try (eapply (objects_whole _ L); eauto; fail);
        destruct (objects_whole _ L _ _ _ _ HR Hq'); unfold whole in *; simpl; lia.
    + destruct (HB _ _ Hp) as [[N Ho]|[[-> ->]|[-> ->]]]; [|unfold whole; simpl; lia ..].
      pose proof (regions_sound _ L _ _ Ho) as (? & ? & _).
      apply own_whole_elsewhere with b0; simpl; try lia.
      * unfold inside, mine; simpl; lia.
      * eapply (regions_nested _ L); eauto.
Qed.

Lemma heads_kept : forall s who s', layout s -> step s who s' ->
  forall p o, objects s' p = Some o ->
  exists n rest, extents o = Extent p n :: rest /\ 0 < n.
Proof.
  intros s who s' L H z o' Ho'.
  destruct H; unfold relink in Ho'; simpl in Ho'; look; same; simpl;
    eauto using (head_at_place _ L).
  - (* Make *)
    destruct H2 as (n' & rest & ->). exists n', rest; split; auto.
    destruct (H3 (Extent p n')) as (? & ? & _ & _ & ? & _); simpl; auto.
  - (* Extend *)
    destruct (head_at_place _ L _ _ H1) as (n & rest & -> & Hn). simpl; eauto.
  - (* Shed *)
    destruct (head_at_place _ L _ _ H) as (n & rest & E & Hn).
    rewrite H0 in E; injection E as -> _; eauto.
Qed.

Theorem layout_kept : forall s who s', layout s -> step s who s' -> layout s'.
Proof.
  intros s who s' L H.
  pose proof (step_regions _ _ _ H) as R. destruct (step_extents _ _ _ H) as [z E].
  constructor.
  - eauto using heads_kept.
  - intros p e He; destruct (E _ _ He) as [Ho|[_ (_ & Hs & _)]]; auto.
    eapply (extents_positive _ L); eauto.
  - intros p q e e' x He He' Hx Hx'.
    destruct (E _ _ He) as [Ho|[-> (Hf & _)]], (E _ _ He') as [Ho'|[-> (Hf' & _)]]; auto.
    + eapply (extents_apart _ L); eauto.
    + exfalso; apply (Hf' _ Hx'); eapply occupied_by; eauto.
    + exfalso; apply (Hf _ Hx); eapply occupied_by; eauto.
  - eauto using regions_sound_kept.
  - eauto using nested_kept.
  - eauto using whole_kept.
Qed.

(** ** What it means *)

(** No two objects, living or dying, have a cell in common. *)
Theorem objects_never_overlap : forall s p q o o' e e' x, layout s ->
  objects s p = Some o -> objects s q = Some o' -> In e (extents o) -> In e' (extents o') ->
  inside x e -> inside x e' -> p = q.
Proof.
  intros. eapply (extents_apart s) with (e := e) (e' := e'); eauto; eexists; eauto.
Qed.

(** No cell is in the own part of two regions: authority to create there is never doubled. *)
Theorem own_parts_never_overlap : forall s p q b b' x, layout s ->
  region_of s p b -> region_of s q b' -> mine b x -> mine b' x -> p = q.
Proof.
  intros s p q b b' x L Hp Hq Hx Hx'.
  destruct (Nat.eq_dec p q) as [|N]; auto; exfalso.
  pose proof (regions_nested _ L _ _ _ _ Hp Hq N).
  destruct (regions_sound _ L _ _ Hp) as (? & ? & _), (regions_sound _ L _ _ Hq) as (? & ? & _).
  unfold nested, mine in *; lia.
Qed.

(** Every piece of an object lies in the own part of at most one region, and wholly. *)
Theorem object_in_one_region : forall s q e p b p' b' x y, layout s -> extent_of s q e ->
  region_of s p b -> region_of s p' b' ->
  inside x e -> mine b x -> inside y e -> mine b' y ->
  p = p' /\ forall z, inside z e -> mine b z.
Proof.
  intros s q e p b p' b' x y L He Hp Hp' Hx Mx Hy My.
  destruct (objects_whole _ L _ _ _ _ Hp He) as [W _].
  destruct (objects_whole _ L _ _ _ _ Hp' He) as [W' _].
  assert (K : forall z, inside z e -> mine b z) by (unfold inside, mine, whole in *; lia).
  split; auto. eapply own_parts_never_overlap with (x := y); eauto.
Qed.

(** What a step lets somebody create in, by splitting or merging, held nothing: a range is granted
    again only when no object, living or dying, has a cell in it, so no region either. *)
Theorem granted_again_only_when_empty : forall s who s' p b x, layout s -> step s who s' ->
  region_of s' p b -> mine b x ->
  (exists b', region_of s p b' /\ mine b' x) \/ ~ occupied s x.
Proof.
  intros s who s' p b x L H Hp Hx.
  destruct (step_regions _ _ _ H) as [F | R b0 n HR Hn Hf FE HB | R b0 y HR Hd Hy Hf FE HB].
  - left; eauto.
  - destruct (HB _ _ Hp) as [[_ ?]|[-> ->]]; [left; eauto|].
    destruct (le_lt_dec (limit b0) x).
    + right; apply Hf; unfold inside, mine in *; simpl in *; lia.
    + left; exists b0; unfold mine in *; simpl in *; split; auto; lia.
  - destruct (HB _ _ Hp) as [[_ ?]|[[-> ->]|[-> ->]]]; [left; eauto | left | right].
    + exists b0; unfold mine in *; simpl in *; split; auto; lia.
    + apply Hf; unfold inside, mine in *; simpl in *; lia.
Qed.

(** Memory is used again only when it is quiescent: what a step puts where something was before, it
    puts where nothing was at the beginning of the step. *)
Theorem reused_only_when_free : forall s who s' p e x, step s who s' ->
  extent_of s' p e -> inside x e -> ~ extent_of s p e -> ~ occupied s x.
Proof.
  intros s who s' p e x H He Hx N. destruct (step_extents _ _ _ H) as [z E].
  destruct (E _ _ He) as [?|[_ (Hf & _)]]; [contradiction | auto].
Qed.
