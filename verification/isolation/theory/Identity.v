(** Identities are never given twice, so revocation is for ever; and a capability never allows more
    than the creation of its object gave. *)

From Coq Require Import Arith List Lia.
From Isolation Require Import Capability State Step.
Import ListNotations.

(** Splits a lookup in a changed state into the changed place and the others. *)
Ltac look := repeat match goal with
  | H : context [update ?m ?p ?v ?q] |- _ =>
    unfold update in H at 1; destruct (Nat.eqb_spec q p); subst
  | |- context [update ?m ?p ?v ?q] =>
    unfold update at 1; destruct (Nat.eqb_spec q p); subst
  end.

Ltac same := repeat match goal with
  | H : Some _ = Some _ |- _ => injection H as H; subst
  | H : Some _ = None |- _ => discriminate H
  | H : None = Some _ |- _ => discriminate H
  | H : objects ?s ?p = Some ?a, H' : objects ?s ?p = Some ?b |- _ =>
    tryif constr_eq a b then fail else
      (let E := fresh in assert (E : b = a) by congruence; first [subst b | subst a])
  | H : objects ?s ?p = Some ?a, H' : objects ?s ?p = None |- _ =>
    rewrite H in H'; discriminate H'
  end.

(** ** What one step can make of the object at one place *)

Definition evolves (s : state) (before after : option object) : Prop :=
  match before, after with
  | None, None => True
  | None, Some o => id o = next_id s
  | Some o, Some o' => kind o' = kind o /\ (id o' = id o \/ id o' = 0)
  | Some o, None => id o = 0
  end.

Lemma evolves_refl : forall s v, evolves s v v.
Proof. destruct v; simpl; auto. Qed.
#[export] Hint Resolve evolves_refl : core.

Lemma has_kind : forall s t k p r,
  has s t k p r -> exists o, objects s p = Some o /\ kind o = k /\ id o <> 0.
Proof.
  intros s t k p r (c & (_ & (o & Ho & Hi & Hn & Hk) & _) & Hck & Hp & _); subst.
  exists o; auto.
Qed.

(** A table and a region are different things. *)
Lemma has_apart : forall s t k p r t' k' p' r',
  has s t k p r -> has s t' k' p' r' -> k <> k' -> p <> p'.
Proof.
  intros * H H' Hk <-.
  apply has_kind in H; apply has_kind in H'.
  destruct H as (o & Ho & Hok & _), H' as (o' & Ho' & Hok' & _); same; congruence.
Qed.

Lemma step_evolves : forall s who s', step s who s' ->
  forall p, evolves s (objects s p) (objects s' p).
Proof.
  intros s who s' H z; destruct H; unfold relink; simpl; look; auto;
    repeat match goal with
    | E : objects _ ?p = _ |- context [objects _ ?p] => rewrite E
    end; simpl; auto.
  (* what is left are two writes to one place, which no step makes *)
  all: try congruence.
  all: exfalso; eapply has_apart with (k := Region) (k' := CapTable); eauto; discriminate.
Qed.

Lemma step_counts : forall s who s', step s who s' -> next_id s <= next_id s'.
Proof. intros s who s' H; destruct H; simpl; lia. Qed.

(** At most one place gets a new object, and then the counter goes on. *)
Lemma step_makes : forall s who s', step s who s' ->
  (forall p, objects s p = None -> objects s' p = None)
  \/ next_id s' = S (next_id s)
     /\ exists z, forall p, p <> z -> objects s p = None -> objects s' p = None.
Proof.
  intros s who s' H; destruct H;
    try (left; intros z Hz; unfold relink; simpl; look; auto; congruence).
  - right; split; [reflexivity|]. exists p; intros z Hp Hz; simpl; look; congruence.
  - right; split; [reflexivity|]. exists x; intros z Hp Hz; simpl; look; congruence.
Qed.

(** ** The invariant *)

Definition known (s : state) (c : capability) : Prop := 0 < cap_id c < next_id s.

Record identities (s : state) : Prop := {
  counter_positive : 0 < next_id s;
  ids_below : forall p o, objects s p = Some o -> id o < next_id s;
  ids_unique : forall p q o o',
    objects s p = Some o -> objects s q = Some o' -> id o = id o' -> id o <> 0 -> p = q;
  slots_known : forall T o n c, objects s T = Some o -> slots o n = Some c -> known s c;
  handlers_known : forall p o g i,
    objects s p = Some o -> handler o = Some (g, i) -> 0 < i < next_id s
}.

Lemma owns_known : forall s t c, identities s -> owns s t c -> known s c.
Proof. intros s t c I (ot & T & oT & n & _ & _ & _ & HT & Hn). eapply slots_known; eauto. Qed.

Lemma holds_known : forall s t c, identities s -> holds s t c -> known s c.
Proof. intros s t c I (H & _); eapply owns_known; eauto. Qed.

(** Where the capability in a slot after a step comes from. *)
Inductive origin (s s' : state) (who : subject) (T : place) (c : capability) : Prop :=
| Kept : forall o n,
    objects s T = Some o -> slots o n = Some c -> origin s s' who T c
| Copied : forall t c0 r,
    who = By t -> holds s t c0 -> has s t CapTable T Write -> within r (cap_rights c0) ->
    c = Capability (cap_kind c0) r (cap_place c0) (cap_id c0) -> origin s s' who T c
| Passed : forall a b,
    owns s a c -> channel s who a b -> linked s LTable b T -> origin s s' who T c
| Created : forall t k r p size,
    who = By t -> k <> Region -> may_fill s t (Extent p size) -> has s t CapTable T Write ->
    within r (created k) ->
    c = Capability k r p (next_id s) -> next_id s' = S (next_id s) -> origin s s' who T c
| Divided : forall t R oR x o,
    who = By t -> has s t Region R Write -> objects s R = Some oR -> has s t CapTable T Write ->
    objects s' x = Some o -> mine (bounds oR) x ->
    (forall y, covers (bounds o) y -> mine (bounds oR) y) ->
    c = Capability Region (created Region) x (next_id s) -> next_id s' = S (next_id s) ->
    origin s s' who T c.

Lemma step_origin : forall s who s', step s who s' -> forall T o n c,
  objects s' T = Some o -> slots o n = Some c -> origin s s' who T c.
Proof.
  intros s who s' H T0 o0 n0 c0 HT Hn.
  destruct H; unfold relink in HT; simpl in HT; look; same; simpl in Hn; look; same;
    try discriminate; try (eapply Kept; eauto; fail).
  - (* Copy *) eapply Copied; eauto.
  - (* Pass *) eapply Passed; eauto; eexists; eauto.
  - (* Make *)
    destruct H2 as (m & rest & ->). eapply Created; eauto. apply H3; simpl; auto.
  - (* Split *)
    eapply Divided with (x := x); eauto.
    + simpl; apply update_same.
    + unfold mine; lia.
    + unfold mine, covers; simpl; lia.
Qed.

(** So it names an object that a capability named before, and allows no more, or one just made. *)
Lemma step_slots : forall s who s', step s who s' -> forall T o n c,
  objects s' T = Some o -> slots o n = Some c ->
  (exists T0 o0 n0 c0, objects s T0 = Some o0 /\ slots o0 n0 = Some c0
     /\ cap_kind c = cap_kind c0 /\ cap_place c = cap_place c0 /\ cap_id c = cap_id c0
     /\ within (cap_rights c) (cap_rights c0))
  \/ cap_id c = next_id s /\ next_id s' = S (next_id s)
     /\ within (cap_rights c) (created (cap_kind c)).
Proof.
  intros s who s' H T o n c HT Hn.
  destruct (step_origin _ _ _ H _ _ _ _ HT Hn) as
    [o0 n0 HT0 Hn0 | t c0 r _ Hc _ W -> | a b Ho _ _ | t k r p m _ _ _ _ W -> HN
    | t R oR x o' _ _ _ _ _ _ _ -> HN]; simpl; auto using within_refl.
  - left; exists T, o0, n0, c; auto 10 using within_refl.
  - destruct Hc as ((ot & T0 & oT & n0 & _ & _ & _ & HT0 & Hn0) & _).
    left; exists T0, oT, n0, c0; simpl; auto 10.
  - destruct Ho as (ot & T0 & oT & n0 & _ & _ & _ & HT0 & Hn0).
    left; exists T0, oT, n0, c; auto 10 using within_refl.
Qed.

(** A fault handler is remembered as before, or by a capability that somebody holds now. *)
Lemma step_handlers : forall s who s', step s who s' -> forall p o g i,
  objects s' p = Some o -> handler o = Some (g, i) ->
  (exists o0, objects s p = Some o0 /\ handler o0 = Some (g, i))
  \/ exists t c, holds s t c /\ cap_id c = i.
Proof.
  intros s who s' H z o' g i Ho Hh.
  destruct H; unfold relink in Ho; simpl in Ho; look; same; simpl in Hh; eauto; try discriminate.
  injection Hh as <- <-; eauto.
Qed.

Theorem identities_kept : forall s who s', identities s -> step s who s' -> identities s'.
Proof.
  intros s who s' I H.
  pose proof (step_evolves _ _ _ H) as E. pose proof (step_counts _ _ _ H) as C.
  pose proof (step_makes _ _ _ H) as M. pose proof (counter_positive _ I) as P0.
  constructor.
  - lia.
  - intros p o Ho; specialize (E p). rewrite Ho in E.
    destruct (objects s p) eqn:Hp; simpl in E.
    + pose proof (ids_below _ I _ _ Hp); lia.
    + destruct M as [M|[M _]]; [apply M in Hp; congruence | lia].
  - intros p q o o' Ho Ho' Hid Hne.
    pose proof (E p) as Ep; pose proof (E q) as Eq; rewrite Ho in Ep; rewrite Ho' in Eq.
    destruct (objects s p) eqn:Hp, (objects s q) eqn:Hq; simpl in *.
    + eapply (ids_unique _ I); eauto; lia.
    + pose proof (ids_below _ I _ _ Hp); lia.
    + pose proof (ids_below _ I _ _ Hq); lia.
    + destruct M as [M|[_ [z M]]]; [apply M in Hp; congruence|].
      destruct (Nat.eq_dec p z), (Nat.eq_dec q z); try congruence;
        [apply M in Hq | apply M in Hp ..]; congruence.
  - intros T o n c HT Hn; unfold known.
    destruct (step_slots _ _ _ H _ _ _ _ HT Hn)
      as [(T0 & o0 & n0 & c0 & HT0 & Hn0 & _ & _ & -> & _) | (-> & -> & _)]; [|lia].
    pose proof (slots_known _ I _ _ _ _ HT0 Hn0); unfold known in *; lia.
  - intros p o g i Ho Hh.
    destruct (step_handlers _ _ _ H _ _ _ _ Ho Hh) as [(o0 & Ho0 & Hh0)|(t & c & Hc & <-)].
    + pose proof (handlers_known _ I _ _ _ _ Ho0 Hh0); lia.
    + pose proof (holds_known _ _ _ I Hc); unfold known in *; lia.
Qed.

(** ** Revocation is for ever *)

Lemma live_before : forall s who s' c,
  known s c -> step s who s' -> live s' c -> live s c.
Proof.
  intros s who s' c K H (o & Ho & Hid & Hne & Hk).
  pose proof (step_evolves _ _ _ H (cap_place c)) as E; rewrite Ho in E.
  destruct (objects s (cap_place c)) as [o0|] eqn:Hp; simpl in E.
  - exists o0; intuition congruence.
  - unfold known in K; lia.
Qed.

Theorem revocation_is_for_ever : forall s s' c,
  known s c -> ~ live s c -> run s s' -> ~ live s' c.
Proof.
  intros s s' c K N H.
  assert (known s' c /\ ~ live s' c) as [_ ?]; [|assumption].
  eapply run_keeps with (P := fun s => known s c /\ ~ live s c); eauto.
  clear; intros s who s' [K N] H; split; [|eauto using live_before].
  apply step_counts in H; unfold known in *; lia.
Qed.

(** The mark of [destroy] is enough: from the next step on, no copy of any capability to the object
    is good for anything, wherever it is. *)
Theorem destruction_revokes : forall s p o, identities s ->
  objects s p = Some o ->
  forall s' c, known s c -> cap_place c = p -> run (put s p (with_id o 0)) s' -> ~ live s' c.
Proof.
  intros s p o I Hp s' c K Hc HR.
  eapply revocation_is_for_ever with (s := put s p (with_id o 0)); eauto.
  intros (o' & Ho' & Hid & Hne & _); subst p; simpl in Ho'.
  rewrite update_same in Ho'; same; simpl in *; congruence.
Qed.

(** A living capability names one object only: the place follows from the identity. *)
Theorem identity_names_one_object : forall s c c', identities s ->
  live s c -> live s c' -> cap_id c = cap_id c' ->
  cap_place c = cap_place c' /\ cap_kind c = cap_kind c'.
Proof.
  intros s c c' I (o & Ho & Hi & Hn & Hk) (o' & Ho' & Hi' & Hn' & Hk') E.
  assert (cap_place c = cap_place c') as HP by (eapply (ids_unique _ I); eauto; congruence).
  split; [exact HP|]. rewrite HP in Ho; same; congruence.
Qed.

(** A checked link is as good: once the gate of a fault handler is gone, whatever lies at its place
    later is not taken for it. *)
Theorem checked_link_never_revives : forall s s' p o g i, identities s ->
  objects s p = Some o -> handler o = Some (g, i) ->
  ~ live s (Capability Gate no_rights g i) -> run s s' ->
  forall og, objects s' g = Some og -> kind og = Gate -> id og <> i.
Proof.
  intros s s' p o g i I Ho Hh N HR og Hg Hk Hi.
  pose proof (handlers_known _ I _ _ _ _ Ho Hh) as K.
  apply (revocation_is_for_ever s s' (Capability Gate no_rights g i)); auto.
  exists og; simpl; repeat split; auto; lia.
Qed.

(** ** Rights are bounded by what creation gave *)

Definition bounded_rights (s : state) : Prop := forall T o n c,
  objects s T = Some o -> slots o n = Some c -> within (cap_rights c) (created (cap_kind c)).

Theorem rights_bounded_kept : forall s who s',
  bounded_rights s -> step s who s' -> bounded_rights s'.
Proof.
  intros s who s' B H T o n c HT Hn.
  destruct (step_slots _ _ _ H _ _ _ _ HT Hn)
    as [(T0 & o0 & n0 & c0 & HT0 & Hn0 & -> & _ & _ & W) | (_ & _ & W)]; [|exact W].
  eapply within_trans; [exact W|]. eapply B; eauto.
Qed.

(** For an object that exists, no capability that appears later allows anything that none allowed
    before: copies only lose. *)
Theorem rights_only_shrink : forall s s' c T o n x, run s s' ->
  objects s' T = Some o -> slots o n = Some c -> cap_id c < next_id s -> cap_rights c x = true ->
  exists T0 o0 n0 c0, objects s T0 = Some o0 /\ slots o0 n0 = Some c0
    /\ cap_id c0 = cap_id c /\ cap_place c0 = cap_place c /\ cap_rights c0 x = true.
Proof.
  intros s s' c T o n x HR; revert c T o n.
  induction HR as [|s' who s'' HR IH H]; intros c T o n HT Hn Hold Hx; [eauto 10|].
  assert (next_id s <= next_id s') by (clear - HR; induction HR; auto;
    apply step_counts in H; lia).
  destruct (step_slots _ _ _ H _ _ _ _ HT Hn)
    as [(T0 & o0 & n0 & c0 & HT0 & Hn0 & _ & HP & HI & W) | (HI & _)]; [|lia].
  rewrite HI in Hold. destruct (IH _ _ _ _ HT0 Hn0 Hold (W _ Hx))
    as (T1 & o1 & n1 & c1 & ? & ? & ? & ? & ?).
  exists T1, o1, n1, c1; repeat split; auto; congruence.
Qed.
