(** Integrity, object by object: a call changes only what the capabilities of its thread reach, and
    what the kernel does by itself changes only who waits, who runs, and what is dying. *)

From Coq Require Import Arith List Lia.
From Isolation Require Import Capability State Step Identity.
Import ListNotations.

(** The rights by which an object can be changed, or its queues. *)
Definition acts (x : right) : bool :=
  match x with Grant | GrantReply => false | _ => true end.

(** ** What a call of thread [t] may change *)

(** By its own authority. *)
Inductive direct (s : state) (t : place) : place -> Prop :=
| Itself : direct s t t
| Held : forall k p x, has s t k p x -> acts x = true -> direct s t p
(* whatever has a cell in what a region covers, and what is made there *)
| Within : forall p o e x, objects s p = Some o -> In e (extents o) -> inside x e ->
    governs s t x -> direct s t p
| Placed : forall p, governs s t p -> direct s t p
| Filled : forall p n, may_fill s t (Extent p n) -> direct s t p
(* what it serves, and what serves it *)
| Answering : forall p, linked s LServe p t -> direct s t p
| Handled : forall o g i, objects s t = Some o -> handler o = Some (g, i) -> direct s t g.

(** The exceptions, by name. *)
Inductive touched (s : state) (t : place) : place -> Prop :=
| Direct : forall p, direct s t p -> touched s t p
(* the other end of a link of what it may change: it is undone, or made, at both ends *)
| OtherEnd : forall l p q, l <> LLend -> direct s t p -> linked s l p q \/ linked s l q p ->
    touched s t q
(* whom a message meets: the thread that waits at the endpoint, and where that waits *)
| Partner : forall a b e, linked s LSend a e -> linked s LReceive b e -> a = t \/ b = t ->
    forall p, p = a \/ p = b \/ p = e -> touched s t p
| PartnerGate : forall p e g, linked s LSend p e -> linked s LReceive t e -> linked s LVia p g ->
    touched s t g
| Resting : forall p e, linked s LServe t p -> linked s LReceive p e -> touched s t p
| RestingAt : forall p e, linked s LServe t p -> linked s LReceive p e -> touched s t e
(* the table into whose window a partner takes capabilities *)
| Window : forall who a b T, who = By t -> channel s who a b -> linked s LTable b T ->
    touched s t T
(* whom a signal wakes, and where that received *)
| Woken : forall g n p q l, has s t Gate g Signal -> linked s LTarget g n ->
    linked s LWait p n \/ linked s LBound p n -> l <> LLend -> linked s l p q ->
    forall z, z = p \/ z = q -> touched s t z
(* what is dying, and what it is still linked to *)
| Dead : forall p, dying s p -> touched s t p
| DeadEnd : forall l p q, l <> LLend -> dying s p -> linked s l p q \/ linked s l q p ->
    touched s t q
| Dependent : forall p a, linked s LAllowance p a -> dying s a -> touched s t p.

(** The scheduler lends time with every call: nothing else of the two objects changes. *)
Definition same_but_time (v v' : option object) : Prop :=
  match v, v' with
  | None, None => True
  | Some o, Some o' =>
      id o' = id o /\ kind o' = kind o /\ extents o' = extents o /\ slots o' = slots o
      /\ bounds o' = bounds o /\ through o' = through o /\ window o' = window o
      /\ handler o' = handler o /\ given o' = given o
      /\ forall l q, l <> LLend -> out o' l q = out o l q /\ into o' l q = into o l q
  | _, _ => False
  end.

Lemma same_but_time_refl : forall v, same_but_time v v.
Proof. destruct v; simpl; auto 12. Qed.

Lemma relink_elsewhere : forall s l p q op oq b z, z <> p -> z <> q ->
  objects (relink s l p q op oq b) z = objects s z.
Proof. intros; unfold relink; simpl; rewrite !update_other; auto. Qed.

Lemma relink_time : forall s p q op oq b z, objects s p = Some op -> objects s q = Some oq ->
  p <> q -> same_but_time (objects s z) (objects (relink s LLend p q op oq b) z).
Proof.
  intros s p q op oq b z Hp Hq N. unfold relink; simpl; look; try congruence;
    rewrite ?Hp, ?Hq; simpl; auto using same_but_time_refl;
    repeat split; intros; rewrite ?mark_other; auto.
Qed.

(** New links: both ends are within the caller's authority or one of the exceptions. *)
Lemma link_touches : forall s t l p q op oq, objects s p = Some op -> objects s q = Some oq ->
  may_link s (By t) l p q -> l <> LLend -> touched s t p /\ touched s t q.
Proof.
  intros s t l p q op oq Hp Hq H N.
  inversion H; subst; try congruence;
    try (split; apply Direct; eauto using Itself, Placed;
      eapply Held; eauto; reflexivity).
  - (* a frame that is mapped *)
    split; apply Direct; [eapply Held; eauto; reflexivity|].
    eapply Held with (x := Read); [exists c; auto | reflexivity].
  - (* a message goes to the endpoint of a gate *)
    split; [apply Direct, Itself|].
    eapply OtherEnd with (l := LTarget); [discriminate| |left; eassumption].
    eapply Held with (x := Send); [exists c; auto | reflexivity].
  - split; apply Direct; [apply Itself|].
    eapply Held with (x := Send); [exists c; auto | reflexivity].
  - (* a fault *)
    split; [apply Direct, Itself|].
    eapply OtherEnd with (l := LTarget); [discriminate| |left; eassumption]. eapply Handled; eauto.
  - (* a meeting *)
    match goal with E : By t = By p \/ By t = By q |- _ =>
      split; eapply Partner; eauto; destruct E as [E|E]; injection E; auto end.
  - (* a caller is saved *)
    split; apply Direct; [apply Answering; auto | eapply Held; eauto; reflexivity].
Qed.

Lemma unlink_touches : forall s t l p q op oq, objects s p = Some op -> objects s q = Some oq ->
  may_unlink s (By t) l p q -> l <> LLend -> touched s t p /\ touched s t q.
Proof.
  intros s t l p q op oq Hp Hq H N; inversion H; subst.
  - (* the dead *)
    destruct H0; split; eauto using Dead, DeadEnd.
  - destruct H1 as [H1|H1]; apply Held in H1; auto; split; eauto using Direct, OtherEnd.
  - apply Held in H1; auto; split; eauto using Direct, OtherEnd.
  - destruct H2; subst; split; eauto using Direct, OtherEnd, Itself.
  - (* a receiver takes a message from the queue *)
    destruct H3 as [[-> ->]|(-> & -> & HV)].
    + split; eapply Partner; eauto.
    + split; [eapply Partner; eauto | eapply PartnerGate; eauto].
  - (* a sender finds a receiver *)
    destruct H1 as [H1|H1]; split; eauto using Resting, RestingAt; eapply Partner; eauto.
  - (* a saved caller *)
    destruct H1 as [[H1 _]|[H1 _]]; apply Held in H1; auto; split; eauto using Direct, OtherEnd.
  - (* a signal *)
    assert (linked s LWait p n \/ linked s LBound p n) by
      (destruct H3 as [[-> ->]|[_ ?]]; auto).
    split; eapply Woken; eauto.
Qed.

(** ** The theorem *)

Theorem integrity_of_calls : forall s t s' p, step s (By t) s' ->
  touched s t p \/ same_but_time (objects s p) (objects s' p).
Proof.
  intros s t s' z H.
  assert (W : forall k q x, has s t k q x -> acts x = true -> touched s t q)
    by (intros; eapply Direct, Held; eauto).
  inversion H; subst; try (right; apply same_but_time_refl).
  all: try (simpl; look; eauto using same_but_time_refl; fail).
  - (* Pass *)
    simpl; look; eauto using same_but_time_refl. left; eapply Window; eauto; eexists; eauto.
  - (* Make *)
    match goal with E : exists _ _, es = _ |- _ => destruct E as (m & rest & ->) end.
    simpl; look; eauto using same_but_time_refl.
    left; eapply Direct, Filled; match goal with F : forall e, _ -> may_fill _ _ e |- _ =>
      apply F; simpl; eauto end.
  - (* Split *)
    simpl; look; eauto using same_but_time_refl.
    left; eapply Direct, Filled with (n := 1). exists R, oR; simpl.
    repeat split; auto; unfold inside in *; simpl in *; lia.
  - (* Shed *)
    simpl; look; eauto using same_but_time_refl. left.
    match goal with E : may_shed _ _ _ _ |- _ => inversion E; subst; eauto end.
    apply Dead; eexists; eauto.
  - (* Kill *)
    simpl; look; eauto using same_but_time_refl. left.
    match goal with E : may_kill _ _ _ |- _ => inversion E; subst end.
    + eapply W with (x := Destroy); auto; exists c; auto.
    + eapply Direct, Within; eauto.
    + eapply Dependent; eauto.
  - (* Free *)
    simpl; look; eauto using same_but_time_refl. left; apply Dead; eexists; eauto.
  - (* Link *)
    destruct (link_eq l LLend) as [->|N]; [right; apply relink_time; auto|].
    assert (touched s t p /\ touched s t q) as [] by (eapply link_touches; eauto).
    destruct (Nat.eq_dec z p), (Nat.eq_dec z q); subst; auto.
    right; rewrite relink_elsewhere; auto using same_but_time_refl.
  - (* Unlink *)
    destruct (link_eq l LLend) as [->|N]; [right; apply relink_time; auto|].
    assert (touched s t p /\ touched s t q) as [] by (eapply unlink_touches; eauto).
    destruct (Nat.eq_dec z p), (Nat.eq_dec z q); subst; auto.
    right; rewrite relink_elsewhere; auto using same_but_time_refl.
  - (* Offer *)
    simpl; look; eauto using same_but_time_refl. left; apply Direct, Itself.
  - (* Confirm *)
    simpl; look; eauto using same_but_time_refl. left; apply Dead; eexists; eauto.
Qed.

(** The kernel by itself (timers, scheduler, drain list) changes only who waits and who runs, and
    what is dying or linked to it. *)
Definition same_but_waits (v v' : option object) : Prop :=
  match v, v' with
  | None, None => True
  | Some o, Some o' =>
      id o' = id o /\ kind o' = kind o /\ extents o' = extents o /\ slots o' = slots o
      /\ bounds o' = bounds o /\ through o' = through o /\ window o' = window o
      /\ handler o' = handler o /\ given o' = given o
      /\ forall l q, is_wait l = false -> out o' l q = out o l q /\ into o' l q = into o l q
  | _, _ => False
  end.

Lemma same_but_waits_refl : forall v, same_but_waits v v.
Proof. destruct v; simpl; auto 12. Qed.

Lemma relink_waits : forall s l p q op oq b z, objects s p = Some op -> objects s q = Some oq ->
  is_wait l = true -> p <> q ->
  same_but_waits (objects s z) (objects (relink s l p q op oq b) z).
Proof.
  intros s l p q op oq b z Hp Hq Hl N. unfold relink; simpl; look; try congruence;
    rewrite ?Hp, ?Hq; simpl; auto using same_but_waits_refl;
    repeat split; intros; rewrite ?mark_other; auto; left; congruence.
Qed.

Theorem integrity_of_the_kernel : forall s s' p, step s Kernel s' ->
  dying s p \/ (exists l q, dying s q /\ (linked s l p q \/ linked s l q p))
  \/ same_but_waits (objects s p) (objects s' p).
Proof.
  intros s s' z H.
  inversion H; subst; try (right; right; apply same_but_waits_refl).
  - (* Pass: none without a thread *)
    exfalso; match goal with E : channel _ _ _ _ |- _ => inversion E; subst end.
    match goal with E : _ \/ _ |- _ => destruct E; discriminate end.
  - (* Shed *)
    simpl; look; auto using same_but_waits_refl. left.
    match goal with E : may_shed _ _ _ _ |- _ => inversion E; subst end.
    eexists; eauto.
  - (* Kill *)
    simpl; look; auto using same_but_waits_refl. right; left.
    match goal with E : may_kill _ _ _ |- _ => inversion E; subst end.
    exists LAllowance, a; auto.
  - (* Free *)
    simpl; look; auto using same_but_waits_refl. left; eexists; eauto.
  - (* Link *)
    right; right.
    match goal with E : may_link _ _ _ _ _ |- _ => inversion E; subst end;
      try (match goal with E : Kernel = _ \/ _ |- _ => destruct E; discriminate end).
    apply relink_waits; auto.
  - (* Unlink *)
    match goal with E : may_unlink _ _ _ _ _ |- _ => inversion E; subst end;
      [|right; right; apply relink_waits; auto].
    match goal with D : dying _ _ \/ dying _ _, E : linked _ _ _ _ |- _ =>
      destruct (Nat.eq_dec z p) as [->|]; [destruct D; eauto 12|];
      destruct (Nat.eq_dec z q) as [->|]; [destruct D; eauto 12|] end.
    right; right; rewrite relink_elsewhere; auto using same_but_waits_refl.
Qed.
