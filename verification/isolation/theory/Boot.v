(** The theorems are about something: a sound state of two partitions, each with a region, a table
    and a thread; it is sealed, and things happen in it. *)

From Coq Require Import Arith List Lia Bool.
From Isolation Require Import Capability State Step Identity Memory Links Policy Confinement.
From Isolation Require Import Sealed.
Import ListNotations.

Definition region_at p i := fresh i Region [Extent p 1] (Range p (p + 100) (p + 100) false).

(** Slot 1 holds the table itself, slot 2 the region [r]; the thread [t] uses the table. *)
Definition table_at p i r j t :=
  with_into (with_slot (with_slot (fresh i CapTable [Extent p 16] no_range)
    1 (Some (Capability CapTable (created CapTable) p i)))
    2 (Some (Capability Region (created Region) r j))) LTable t true.

Definition thread_at p i T := with_out (fresh i Thread [Extent p 32] no_range) LTable T true.

Definition boot_objects : place -> option object :=
  update (update (update (update (update (update (fun _ => None)
    0 (Some (region_at 0 1)))
    1 (Some (table_at 1 2 0 1 21)))
    21 (Some (thread_at 21 3 1)))
    100 (Some (region_at 100 4)))
    101 (Some (table_at 101 5 100 4 121)))
    121 (Some (thread_at 121 6 101)).

Definition boot : state := State 7 boot_objects.

(** The first partition: everything below cell 100. *)
Definition inner (p : place) : Prop := p < 100.

Lemma boot_object : forall p o, objects boot p = Some o ->
  p = 0 /\ o = region_at 0 1 \/ p = 1 /\ o = table_at 1 2 0 1 21 \/ p = 21 /\ o = thread_at 21 3 1
  \/ p = 100 /\ o = region_at 100 4 \/ p = 101 /\ o = table_at 101 5 100 4 121
  \/ p = 121 /\ o = thread_at 121 6 101.
Proof. intros p o H; simpl in H; unfold boot_objects in H; look; same; auto 10. Qed.

Ltac boot_cases := repeat match goal with
  | H : objects boot _ = Some _ |- _ => apply boot_object in H;
    destruct H as [[? ?]|[[? ?]|[[? ?]|[[? ?]|[[? ?]|[? ?]]]]]]; subst
  end.

Lemma boot_slot : forall T o n c, objects boot T = Some o -> slots o n = Some c ->
  (T = 1 /\ (c = Capability CapTable (created CapTable) 1 2
             \/ c = Capability Region (created Region) 0 1))
  \/ (T = 101 /\ (c = Capability CapTable (created CapTable) 101 5
             \/ c = Capability Region (created Region) 100 4)).
Proof.
  intros T o n c HT Hn; boot_cases; simpl in Hn; try discriminate; look; same; auto.
Qed.

Lemma boot_linked : forall l p q o, objects boot p = Some o -> out o l q = true ->
  l = LTable /\ (p = 21 /\ q = 1 \/ p = 121 /\ q = 101).
Proof.
  intros l p q o Hp Hl; boot_cases; simpl in Hl; try discriminate;
    unfold mark in Hl; destruct (link_eq l LTable); try discriminate;
    match type of Hl with (if Nat.eqb q ?x then _ else _) = _ =>
      destruct (Nat.eqb_spec q x) end; try discriminate; auto.
Qed.

Lemma boot_referred : forall l p q o, objects boot q = Some o -> into o l p = true ->
  l = LTable /\ (p = 21 /\ q = 1 \/ p = 121 /\ q = 101).
Proof.
  intros l p q o Hq Hl; boot_cases; simpl in Hl; try discriminate;
    unfold mark in Hl; destruct (link_eq l LTable); try discriminate;
    match type of Hl with (if Nat.eqb p ?x then _ else _) = _ =>
      destruct (Nat.eqb_spec p x) end; try discriminate; auto.
Qed.

Lemma boot_identities : identities boot.
Proof.
  constructor.
  - simpl; lia.
  - intros p o H; boot_cases; simpl; lia.
  - intros p q o o' H H' E N; boot_cases; simpl in *; congruence.
  - intros T o n c HT Hn; unfold known.
    destruct (boot_slot _ _ _ _ HT Hn) as [[-> [->| ->]]|[-> [->| ->]]]; simpl; lia.
  - intros p o g i H Hh; boot_cases; simpl in Hh; discriminate.
Qed.

Lemma boot_layout : layout boot.
Proof.
  constructor.
  - intros p o H; boot_cases; simpl; do 2 eexists; (split; [reflexivity|lia]).
  - intros p e (o & H & He); boot_cases; simpl in He; destruct He as [<-|[]]; simpl; lia.
  - unfold inside; intros p q e e' x (o & H & He) (o' & H' & He') Hx Hx'.
    boot_cases; simpl in He, He'; destruct He as [<-|[]], He' as [<-|[]]; simpl in *; auto; lia.
  - intros p b (o & H & Hk & _ & <-); boot_cases; simpl in *; try discriminate;
      unfold sound_range; simpl; lia.
  - intros p q b b' (o & H & Hk & _ & <-) (o' & H' & Hk' & _ & <-) N.
    boot_cases; simpl in *; try discriminate; try congruence; unfold nested; simpl; lia.
  - intros p b q e (o & H & Hk & _ & <-) (o' & H' & He).
    boot_cases; simpl in *; try discriminate; destruct He as [<-|[]]; unfold whole; simpl; lia.
Qed.

Lemma boot_sound : sound boot.
Proof.
  constructor; auto using boot_identities, boot_layout.
  - intros l p q; split; intros (o & H & Hl).
    + destruct (boot_linked _ _ _ _ H Hl) as [-> [[-> ->]|[-> ->]]];
        eexists; (split; [reflexivity|reflexivity]).
    + destruct (boot_referred _ _ _ _ H Hl) as [-> [[-> ->]|[-> ->]]];
        eexists; (split; [reflexivity|reflexivity]).
  - constructor; intros * (o & H & Hl); destruct (boot_linked _ _ _ _ H Hl); discriminate.
  - intros p q o (o' & H & Hl); destruct (boot_linked _ _ _ _ H Hl); discriminate.
  - intros T o n c HT Hn.
    destruct (boot_slot _ _ _ _ HT Hn) as [[-> [->| ->]]|[-> [->| ->]]]; apply within_refl.
Qed.

Lemma boot_sealed : confined place (fun p => p) (apart place inner) boot.
Proof.
  constructor; unfold allowed, inner; simpl.
  - intros T o n c HT Hn HL.
    destruct (boot_slot _ _ _ _ HT Hn) as [[-> [->| ->]]|[-> [->| ->]]]; simpl; split;
      try lia; intros o' x E Ho' Hx; try discriminate;
      injection Ho' as <-; unfold covers in Hx; simpl in Hx; lia.
  - intros l p q op oq Hp Hq Hl.
    destruct (boot_linked _ _ _ _ Hp Hl) as [-> [[-> ->]|[-> ->]]]; simpl; lia.
Qed.

Lemma boot_crossed_by_nothing : sealed inner boot.
Proof.
  constructor; unfold same_side, inner.
  - exact boot_sealed.
  - intros l p q _ (o & H & Hl); destruct (boot_linked _ _ _ _ H Hl) as [_ [[-> ->]|[-> ->]]]; lia.
  - intros p e x (o & H & He) Hx; boot_cases; simpl in He; destruct He as [<-|[]];
      unfold inside in Hx; simpl in Hx; lia.
  - intros p o g i H Hh; boot_cases; simpl in Hh; discriminate.
Qed.

(** So the second partition never comes to hold anything of the first, whatever happens. *)
Theorem boot_partitions_stay_apart : forall s T o n c, run boot s ->
  objects s T = Some o -> slots o n = Some c -> live s c ->
  (T < 100 <-> cap_place c < 100).
Proof.
  intros s T o n c H HT Hn HL.
  apply (sealed_stays_sealed place (fun p => p) inner boot s T o n c);
    auto using boot_sound, boot_sealed.
Qed.

(** And things happen: the first thread makes an endpoint, and finds it. *)

Lemma boot_has_region : has boot 21 Region 0 Write.
Proof.
  exists (Capability Region (created Region) 0 1); repeat split; auto.
  - exists (thread_at 21 3 1), 1, (table_at 1 2 0 1 21), 2; repeat split; auto.
  - exists (region_at 0 1); repeat split; auto; discriminate.
  - exists (thread_at 21 3 1); split; [reflexivity | discriminate].
Qed.

Lemma boot_has_table : has boot 21 CapTable 1 Write.
Proof.
  exists (Capability CapTable (created CapTable) 1 2); repeat split; auto.
  - exists (thread_at 21 3 1), 1, (table_at 1 2 0 1 21), 1; repeat split; auto.
  - exists (table_at 1 2 0 1 21); repeat split; auto; discriminate.
  - exists (thread_at 21 3 1); split; [reflexivity | discriminate].
Qed.

Theorem something_happens : exists s c, run boot s /\ holds s 21 c /\ cap_kind c = Endpoint.
Proof.
  assert (S : step boot (By 21) (count (put (put boot 1 (with_slot (table_at 1 2 0 1 21) 3
    (Some (Capability Endpoint (created Endpoint) 60 7)))) 60
    (fresh 7 Endpoint [Extent 60 8] no_range)))).
  { eapply (Make boot 21 Endpoint 60 [Extent 60 8] (created Endpoint) 1); eauto;
      try discriminate; try reflexivity.
    - intros e [<-|[]]. exists 0, (region_at 0 1); split; [apply boot_has_region|].
      repeat split; auto; unfold inside in *; simpl in *; lia.
    - intros e' [<-|[]] x Hx (p & o & e & H & He & Hi).
      boot_cases; simpl in He; destruct He as [<-|[]]; unfold inside in *; simpl in *; lia.
    - apply boot_has_table.
    - apply within_refl. }
  eexists; exists (Capability Endpoint (created Endpoint) 60 7).
  split; [eapply On; [apply Here | exact S]|]; split; [|reflexivity].
  repeat split.
  - exists (thread_at 21 3 1), 1; eexists; exists 3; repeat split; reflexivity.
  - eexists; repeat split; try reflexivity; discriminate.
  - exists (thread_at 21 3 1); split; [reflexivity | discriminate].
Qed.
