(** Paired links are found from both ends; a dying object only loses links; its memory is free only
    when none is left; and a server's answer goes to the one caller that waits for it. *)

From Coq Require Import Arith List Lia.
From Isolation Require Import Capability State Step Identity.

(** [q] knows that [p] refers to it. *)
Definition referred (s : state) (l : link) (p q : place) : Prop :=
  exists o, objects s q = Some o /\ into o l p = true.

Definition paired (s : state) : Prop := forall l p q, linked s l p q <-> referred s l p q.

(** ** What one step does to links *)

Lemma linked_relink : forall s l p q op oq b,
  objects s p = Some op -> objects s q = Some oq -> p <> q ->
  forall l' p' q', linked (relink s l p q op oq b) l' p' q' <->
    if link_eq l' l then (if Nat.eqb p' p then if Nat.eqb q' q then b = true
      else linked s l' p' q' else linked s l' p' q') else linked s l' p' q'.
Proof.
  intros s l p q op oq b Hp Hq N l' p' q'; unfold linked, relink; simpl.
  unfold update. destruct (Nat.eqb_spec p' q), (Nat.eqb_spec p' p); subst; try congruence.
  - rewrite Hq; destruct (link_eq l' l); split; intros (o & Ho & H); same; simpl in *; eauto.
  - rewrite Hp; split.
    + intros (o & Ho & H); same; simpl in H; unfold mark in H.
      destruct (link_eq l' l); eauto. destruct (Nat.eqb q' q); eauto.
    + intros H. exists (with_out op l q b); split; auto; simpl; unfold mark.
      destruct (link_eq l' l), (Nat.eqb q' q); auto; destruct H as (o & Ho & H); same; auto.
  - destruct (link_eq l' l); tauto.
Qed.

Lemma referred_relink : forall s l p q op oq b,
  objects s p = Some op -> objects s q = Some oq -> p <> q ->
  forall l' p' q', referred (relink s l p q op oq b) l' p' q' <->
    if link_eq l' l then (if Nat.eqb p' p then if Nat.eqb q' q then b = true
      else referred s l' p' q' else referred s l' p' q') else referred s l' p' q'.
Proof.
  intros s l p q op oq b Hp Hq N l' p' q'; unfold referred, relink; simpl.
  unfold update. destruct (Nat.eqb_spec q' q), (Nat.eqb_spec q' p); subst; try congruence.
  - rewrite Hq; split.
    + intros (o & Ho & H); same; simpl in H; unfold mark in H.
      destruct (link_eq l' l); eauto. destruct (Nat.eqb p' p); eauto.
    + intros H. exists (with_into oq l p b); split; auto; simpl; unfold mark.
      destruct (link_eq l' l), (Nat.eqb p' p); auto; destruct H as (o & Ho & H); same; auto.
  - rewrite Hp; destruct (link_eq l' l), (Nat.eqb p' p); split; intros (o & Ho & H); same;
      simpl in *; eauto.
  - destruct (link_eq l' l), (Nat.eqb p' p); tauto.
Qed.

Inductive links_change (s s' : state) : subject -> Prop :=
| Unchanged : forall who,
    (forall l p q, linked s' l p q <-> linked s l p q) ->
    (forall l p q, referred s' l p q <-> referred s l p q) -> links_change s s' who
| Changed : forall who l p q op oq b,
    objects s p = Some op -> objects s q = Some oq -> p <> q ->
    (b = true -> id op <> 0 /\ id oq <> 0 /\ may_link s who l p q) ->
    s' = relink s l p q op oq b -> links_change s s' who.

Lemma step_links : forall s who s', step s who s' -> links_change s s' who.
Proof.
  intros s who s' H; destruct H;
    try (apply Unchanged; intros l' p' q'; unfold linked, referred; simpl; look; same; split;
      intros (o' & Ho' & Hl'); same; simpl in *; try discriminate; try congruence; eauto; fail).
  - (* Link *)
    apply Changed with l p q op oq true; auto.
  - (* Unlink *)
    apply Changed with l p q op oq false; auto; discriminate.
Qed.

(** ** Paired links stay paired *)

Theorem paired_kept : forall s who s', paired s -> step s who s' -> paired s'.
Proof.
  intros s who s' P H l p q.
  destruct (step_links _ _ _ H) as [who E E' | who l0 p0 q0 op oq b Hp Hq N _ ->].
  - rewrite E, E'; apply P.
  - rewrite linked_relink, referred_relink by assumption.
    destruct (link_eq l l0), (Nat.eqb p p0), (Nat.eqb q q0); auto using P; tauto.
Qed.

(** Nobody refers to what is gone. *)
Theorem gone_is_nobodys_target : forall s l p q, paired s ->
  objects s q = None -> ~ linked s l p q.
Proof. intros s l p q P Hq H; apply P in H; destruct H as (o & Ho & _); congruence. Qed.

(** ** Dying is progress *)

(** A dying object gets no new link, in either direction: taking it apart comes to an end. *)
Theorem dying_only_loses_links : forall s who s' l p q, step s who s' ->
  dying s p \/ dying s q -> linked s' l p q -> linked s l p q.
Proof.
  intros s who s' l p q H D HL.
  destruct (step_links _ _ _ H) as [who E _ | who l0 p0 q0 op oq b Hp Hq N B ->].
  - apply E; auto.
  - apply linked_relink in HL; auto.
    destruct (link_eq l l0) as [->|]; auto. destruct (Nat.eqb_spec p p0); auto.
    destruct (Nat.eqb_spec q q0); auto; subst. destruct (B eq_refl) as (? & ? & _).
    destruct D as [(o & Ho & Hi)|(o & Ho & Hi)]; same; congruence.
Qed.

(** Memory comes back only from what is dead, unlinked at both ends, and not left to a device. *)
Theorem freed_only_when_quiescent : forall s who s' p o, step s who s' -> paired s ->
  objects s p = Some o -> objects s' p = None ->
  id o = 0 /\ given o = None /\ forall l q, ~ linked s l p q /\ ~ linked s l q p.
Proof.
  intros s who s' p o H P Hp Hp'.
  destruct H; unfold relink in Hp'; simpl in Hp'; look; same; try congruence.
  repeat split; auto; intros HL.
  - destruct HL as (o' & Ho' & Hl'); same; congruence.
  - apply P in HL; destruct HL as (o' & Ho' & Hl'); same; congruence.
Qed.

(** ** A late answer to one call can never answer another *)

Record one_answer (s : state) : Prop := {
  one_server : forall p q q', linked s LServe p q -> linked s LServe p q' -> q = q';
  one_caller : forall p p' q, linked s LServe p q -> linked s LServe p' q -> p = p';
  one_saver : forall p q q', linked s LSaved p q -> linked s LSaved p q' -> q = q';
  one_saved : forall p p' q, linked s LSaved p q -> linked s LSaved p' q -> p = p'
}.

Lemma serve_link : forall s who p q, may_link s who LServe p q ->
  (forall x, ~ linked s LServe x q) /\ (forall x, ~ linked s LServe p x).
Proof. intros s who p q H; inversion H; auto. Qed.

Lemma saved_link : forall s who p q, may_link s who LSaved p q ->
  (forall x, ~ linked s LSaved x q) /\ (forall x, ~ linked s LSaved p x).
Proof. intros s who p q H; inversion H; auto. Qed.

Lemma new_link : forall s l p q op oq b,
  objects s p = Some op -> objects s q = Some oq -> p <> q ->
  forall l' p' q', linked (relink s l p q op oq b) l' p' q' ->
  linked s l' p' q' \/ l' = l /\ p' = p /\ q' = q /\ b = true.
Proof.
  intros s l p q op oq b Hp Hq N l' p' q' H. apply linked_relink in H; auto.
  destruct (link_eq l' l); auto. destruct (Nat.eqb_spec p' p); auto.
  destruct (Nat.eqb_spec q' q); auto.
Qed.

Theorem one_answer_kept : forall s who s', one_answer s -> step s who s' -> one_answer s'.
Proof.
  intros s who s' [A B C D] H.
  destruct (step_links _ _ _ H) as [who E _ | who l0 p0 q0 op oq b Hp Hq N K ->].
  - constructor; intros *; rewrite !E; eauto.
  - pose proof (new_link s l0 p0 q0 op oq b Hp Hq N) as W.
    constructor; intros x y z H1 H2; apply W in H1; apply W in H2;
      destruct H1 as [H1|(E1 & -> & -> & Eb)], H2 as [H2|(E2 & ? & ? & Eb')]; subst; eauto;
      destruct (K eq_refl) as (_ & _ & ML);
      (apply serve_link in ML || apply saved_link in ML); destruct ML as [M1 M2];
      exfalso; first [eapply M1; eassumption | eapply M2; eassumption].
Qed.

(** ** Links lead to objects of their kind *)

(** The one of these facts that the others need. *)
Definition received_at_endpoints (s : state) : Prop := forall p q o,
  linked s LReceive p q -> objects s q = Some o -> kind o = Endpoint.

Theorem received_at_endpoints_kept : forall s who s', paired s ->
  received_at_endpoints s -> step s who s' -> received_at_endpoints s'.
Proof.
  intros s who s' P K H p q o' HL Ho'.
  assert (old : linked s LReceive p q -> kind o' = Endpoint).
  { intros HL0. apply P in HL0 as HR; destruct HR as (o & Ho & _).
    pose proof (step_evolves _ _ _ H q) as E; rewrite Ho, Ho' in E; destruct E as [-> _].
    eapply K; eauto. }
  destruct (step_links _ _ _ H) as [who E _ | who l0 p0 q0 op oq b Hp Hq N B Es].
  - apply old, E, HL.
  - rewrite Es in HL. apply (new_link s l0 p0 q0 op oq b Hp Hq N) in HL.
    destruct HL as [HL|(<- & -> & -> & ->)]; auto.
    destruct (B eq_refl) as (_ & _ & ML); inversion ML; subst.
    destruct (has_kind _ _ _ _ _ H0) as (o & Ho & Hk & _); same.
    pose proof (step_evolves _ _ _ H q0) as E; rewrite Ho, Ho' in E; destruct E; congruence.
Qed.
