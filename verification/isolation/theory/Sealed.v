(** Integrity of partitions: if nothing crosses the border between two parts of the system at the
    beginning, no call on one side ever changes an object on the other. *)

From Coq Require Import Arith List Lia.
From Isolation Require Import Capability State Step Identity Memory Links Policy Confinement.
From Isolation Require Import Integrity.
Import ListNotations.

Section Sealed.

(** One of the two parts. *)
Variable inner : place -> Prop.

Definition same_side (p q : place) : Prop := inner p <-> inner q.

Local Notation itself := (fun p : place => p).

(** Nothing crosses: no capability, no range of a region, no link but the scheduler's, no memory
    given to an object of the other side, no fault handler. *)
Record sealed (s : state) : Prop := {
  sealed_policy : confined place itself (apart place inner) s;
  sealed_links : forall l p q, l <> LLend -> linked s l p q -> same_side p q;
  sealed_extents : forall p e x, extent_of s p e -> inside x e -> same_side p x;
  sealed_handlers : forall p o g i,
    objects s p = Some o -> handler o = Some (g, i) -> same_side p g
}.

Lemma apart_closed : closed (apart place inner).
Proof. constructor; simpl; intros; try split; tauto. Qed.

Lemma same_side_trans : forall p q r, same_side p q -> same_side q r -> same_side p r.
Proof. unfold same_side; tauto. Qed.

Lemma same_side_symmetric : forall p q, same_side p q -> same_side q p.
Proof. unfold same_side; tauto. Qed.

(** ** What a thread reaches is on its side *)

Lemma has_side : forall s t k p x, sealed s -> has s t k p x -> same_side t p.
Proof.
  intros s t k p x S H.
  destruct (has_may _ apart_closed _ _ _ _ _ (sealed_policy _ S) H) as (r & M & _); exact M.
Qed.

Lemma holds_side : forall s t c, sealed s -> holds s t c -> same_side t (cap_place c).
Proof.
  intros s t c S (Ho & Hl & _).
  destruct (owns_allowed place itself _ apart_closed _ _ _ (sealed_policy _ S) Ho Hl) as [M _].
  exact M.
Qed.

Lemma governs_side : forall s t x, sealed s -> governs s t x -> same_side t x.
Proof.
  intros s t x S H.
  destruct (governs_may place itself _ apart_closed _ _ _ (sealed_policy _ S) H) as (r & M & _).
  exact M.
Qed.

Lemma fill_side : forall s t e x, sound s -> sealed s -> may_fill s t e -> inside x e ->
  same_side t x.
Proof.
  intros s t e x SO S (r & o & Hr & Ho & _ & Hx) Hi.
  apply governs_side with s; auto. exists r, o; repeat split; auto;
    eapply mine_covers; eauto using has_region.
Qed.

(** ** Nothing begins to cross *)

Lemma new_link_side : forall s who l p q op, sealed s -> objects s p = Some op ->
  may_link s who l p q -> l <> LLend -> same_side p q.
Proof.
  intros s who l p q op S Hp H N.
  pose proof same_side_trans as TR; pose proof same_side_symmetric as SY.
  destruct H; try congruence;
    try (eapply TR; [apply SY|]; eauto using has_side, governs_side; fail);
    try (apply SY; eauto using has_side; fail); eauto using has_side.
  - (* map *)
    subst q; eapply TR; [apply SY|]; eauto using has_side, holds_side.
  - (* send *)
    subst g; eapply TR; [eapply holds_side; eauto|].
    eapply (sealed_links _ S LTarget); eauto; discriminate.
  - subst g; eapply holds_side; eauto.
  - (* fault *)
    eapply TR; [eapply (sealed_handlers _ S); eauto|].
    eapply (sealed_links _ S LTarget); eauto; discriminate.
  - (* serve *)
    eapply TR; [eapply (sealed_links _ S LSend) with (q := e); eauto; discriminate|].
    apply SY; eapply (sealed_links _ S LReceive); eauto; discriminate.
  - (* save *)
    eapply TR; [eapply (sealed_links _ S LServe); eauto; discriminate|]; eauto using has_side.
Qed.

Lemma links_side_kept : forall s who s', sealed s -> step s who s' ->
  forall l p q, l <> LLend -> linked s' l p q -> same_side p q.
Proof.
  intros s who s' S H l p q N HL.
  destruct (step_links _ _ _ H) as [who E _ | who l0 p0 q0 op oq b Hp Hq Npq B ->].
  - apply (sealed_links _ S l); auto. apply E, HL.
  - apply (new_link s l0 p0 q0 op oq b Hp Hq Npq) in HL.
    destruct HL as [HL|(-> & -> & -> & ->)]; [apply (sealed_links _ S l); auto|].
    destruct (B eq_refl) as (_ & _ & ML). eapply new_link_side; eauto.
Qed.

Lemma extents_side_kept : forall s who s', sound s -> sealed s -> step s who s' ->
  forall p e x, extent_of s' p e -> inside x e -> same_side p x.
Proof.
  intros s who s' SO S H p' e' y (o' & Ho & He) Hy.
  assert (old : forall o, objects s p' = Some o -> In e' (extents o) -> same_side p' y)
    by (intros; eapply (sealed_extents _ S); eauto; eexists; eauto).
  destruct H; unfold relink in Ho; simpl in Ho; look; same; simpl in He; eauto.
  - (* Make *)
    match goal with F : forall e, _ -> may_fill _ _ e |- _ => rename F into Fill end.
    match goal with E : exists _ _, es = _ |- _ => destruct E as (m & rest & ->) end.
    apply same_side_trans with t; [apply same_side_symmetric|].
    + assert (F : may_fill s t (Extent p m)) by (apply Fill; simpl; auto).
      eapply fill_side with (e := Extent p m); eauto.
      destruct F as (? & ? & _ & _ & ? & _); unfold inside; simpl in *; lia.
    + eapply fill_side with (e := e'); eauto.
  - (* Split *)
    destruct He as [<-|[]]; unfold inside in Hy; simpl in Hy.
    replace y with x by lia; unfold same_side; tauto.
  - (* Extend *)
    apply in_app_iff in He; destruct He as [He|[<-|[]]]; eauto.
    apply same_side_trans with t; [apply same_side_symmetric|];
      eauto using has_side, fill_side.
  - (* Shed *)
    match goal with E : extents o = _ |- _ =>
      apply (old o); auto; rewrite E; apply in_middle; exact He end.
Qed.

Lemma handlers_side_kept : forall s who s', sealed s -> step s who s' ->
  forall p o g i, objects s' p = Some o -> handler o = Some (g, i) -> same_side p g.
Proof.
  intros s who s' S H z o' g' i' Ho Hh.
  destruct H; unfold relink in Ho; simpl in Ho; look; same; simpl in Hh; try discriminate;
    eauto using (sealed_handlers _ S).
  injection Hh as <- <-.
  apply same_side_trans with t; [apply same_side_symmetric|]; eauto using has_side, holds_side.
Qed.

Theorem sealed_kept : forall s who s', sound s -> sealed s -> step s who s' -> sealed s'.
Proof.
  intros s who s' SO S H; constructor.
  - eapply confined_kept; eauto using apart_closed. apply S.
  - eauto using links_side_kept.
  - eauto using extents_side_kept.
  - eauto using handlers_side_kept.
Qed.

(** ** Integrity *)

Lemma direct_side : forall s t p, sound s -> sealed s -> direct s t p -> same_side t p.
Proof.
  intros s t p SO S H; destruct H.
  - unfold same_side; tauto.
  - eauto using has_side.
  - apply same_side_trans with x; eauto using governs_side.
    apply same_side_symmetric; eapply (sealed_extents _ S); eauto; eexists; eauto.
  - eauto using governs_side.
  - eapply fill_side; eauto. destruct H as (? & ? & _ & _ & ? & _).
    unfold inside; simpl in *; lia.
  - apply same_side_symmetric; eapply (sealed_links _ S LServe); eauto; discriminate.
  - eapply (sealed_handlers _ S); eauto.
Qed.

(** What is being taken apart, whoever runs meanwhile. *)
Definition ending (s : state) (p : place) : Prop :=
  dying s p \/ exists l q, dying s q /\ (linked s l p q \/ linked s l q p).

Lemma touched_side : forall s t p, sound s -> sealed s -> touched s t p ->
  same_side t p \/ ending s p.
Proof.
  intros s t p SO S H.
  assert (K : forall l a b, l <> LLend -> linked s l a b -> same_side a b)
    by (intros; eapply (sealed_links _ S); eauto).
  pose proof same_side_trans as TR; pose proof same_side_symmetric as SY.
  destruct H; unfold ending; eauto 8 using direct_side.
  - (* the other end *)
    left; apply TR with p; [eauto using direct_side|]. destruct H1; eauto.
  - (* partners *)
    assert (A : same_side a e) by (apply (K LSend); auto; discriminate).
    assert (B : same_side b e) by (apply (K LReceive); auto; discriminate).
    left; destruct H1 as [<-|<-], H2 as [->|[->| ->]]; unfold same_side in *; tauto.
  - assert (same_side p e) by (apply (K LSend); auto; discriminate).
    assert (same_side t e) by (apply (K LReceive); auto; discriminate).
    assert (same_side p g) by (apply (K LVia); auto; discriminate).
    left; unfold same_side in *; tauto.
  - left; apply (K LServe); auto; discriminate.
  - assert (same_side t p) by (apply (K LServe); auto; discriminate).
    assert (same_side p e) by (apply (K LReceive); auto; discriminate).
    left; unfold same_side in *; tauto.
  - (* windows *)
    left; subst who. assert (same_side b T) by (apply (K LTable); auto; discriminate).
    assert (same_side t a /\ same_side a b).
    { inversion H0; subst.
      - assert (same_side a e) by (apply (K LSend); auto; discriminate).
        assert (same_side b e) by (apply (K LReceive); auto; discriminate).
        match goal with E : By t = _ \/ _ |- _ => destruct E as [E|E]; injection E as <- end;
          unfold same_side in *; tauto.
      - assert (same_side b a) by (apply (K LServe); auto; discriminate).
        unfold same_side in *; tauto.
      - assert (same_side b r) by (apply (K LSaved); auto; discriminate).
        assert (same_side a r) by eauto using has_side. unfold same_side in *; tauto. }
    unfold same_side in *; tauto.
  - (* signals *)
    assert (same_side t g) by eauto using has_side.
    assert (same_side g n) by (apply (K LTarget); auto; discriminate).
    assert (same_side p n)
      by (destruct H1; [apply (K LWait) | apply (K LBound)]; auto; discriminate).
    assert (same_side p q) by eauto.
    left; destruct H4; subst; unfold same_side in *; tauto.
  - right; right; exists l, p; tauto.
Qed.

(** A call changes an object of the other side only if that is being taken apart anyway, or lends it
    time. *)
Theorem sealed_integrity : forall s0 s t s' p, sound s0 -> sealed s0 -> run s0 s ->
  step s (By t) s' ->
  same_side t p \/ ending s p \/ same_but_time (objects s p) (objects s' p).
Proof.
  intros s0 s t s' p SO S HR H.
  assert (sound s /\ sealed s) as [SO' S'].
  { apply run_keeps with (P := fun s => sound s /\ sealed s) (s := s0); auto.
    clear; intros s who s' [SO S] H; eauto using sound_kept, sealed_kept. }
  destruct (integrity_of_calls _ _ _ p H) as [T|T]; auto.
  destruct (touched_side _ _ _ SO' S' T); auto.
Qed.

End Sealed.
