(** Policies that no step breaks: which capabilities a partition may hold, and between which
    partitions capabilities may go.

    Memory is divided into partitions by labels, one for each cell; an object has the label of its
    place, a capability that of the object it names, and whoever holds it that of the table it is
    in.  Nothing is assumed about the labels. *)

From Coq Require Import Arith List Lia.
From Isolation Require Import Capability State Step Identity Memory Links.

(** All that the other files prove of a state. *)
Record sound (s : state) : Prop := {
  sound_identities : identities s;
  sound_layout : layout s;
  sound_links : paired s;
  sound_answers : one_answer s;
  sound_receivers : received_at_endpoints s;
  sound_rights : bounded_rights s
}.

Theorem sound_kept : forall s who s', sound s -> step s who s' -> sound s'.
Proof.
  intros s who s' [] H; constructor;
    eauto using identities_kept, layout_kept, paired_kept, one_answer_kept,
    received_at_endpoints_kept, rights_bounded_kept.
Qed.

Section Policy.

Variable L : Type.
Variable label : place -> L.

(** A policy says which capabilities a partition may hold ([may a b k r]: in [a], to objects of [b]
    of kind [k], with rights [r]) and between which partitions capabilities may go ([flow]). *)
Record policy := Policy {
  flow : L -> L -> Prop;
  may : L -> L -> kind_name -> rights -> Prop
}.

(** A policy is closed if it allows what follows from what it allows.  This is the whole of
    take-grant in Pecan: the ways in which one capability gives others. *)
Record closed (P : policy) : Prop := {
  flow_refl : forall a, flow P a a;
  flow_trans : forall a b c, flow P a b -> flow P b c -> flow P a c;
  (* copies, and capabilities that are passed on *)
  may_less : forall a b k r r', may P a b k r -> within r' r -> may P a b k r';
  may_flow : forall a a' b k r, may P a b k r -> flow P a a' -> may P a' b k r;
  (* memory: whoever has it makes any object of it *)
  may_create : forall a b r k, may P a b Region r -> r Write = true -> may P a b k (created k);
  region_flow : forall a b r, may P a b Region r -> r Write = true -> flow P a b /\ flow P b a;
  (* a table: put into it, and let a thread use it *)
  table_flow : forall a b r, may P a b CapTable r -> r Write = true -> flow P a b /\ flow P b a;
  (* a gate: send along, and get with the answer *)
  grant_flow : forall a b r, may P a b Gate r -> r Grant = true -> flow P a b;
  reply_flow : forall a b r, may P a b Gate r -> r GrantReply = true -> flow P b a;
  (* an endpoint: receive and answer, or make gates *)
  receive_flow : forall a b r, may P a b Endpoint r -> r Read = true \/ r MakeGate = true ->
    flow P a b /\ flow P b a;
  (* a saved caller: answer *)
  answer_flow : forall a b r, may P a b Reply r -> r Write = true -> flow P a b /\ flow P b a
}.

(** What a policy asks of a link, between partitions [a] and [b], with the rights [r] of what the
    thread sent through, to an object of kind [k]. *)
Definition link_allowed (P : policy) (l : link) (r : rights) (k : kind_name) (a b : L) : Prop :=
  match l with
  | LTable => flow P a b /\ flow P b a
  | LTarget | LReceive => k = Endpoint -> flow P a b /\ flow P b a
  | LSend => k = Endpoint ->
      (r Grant = true -> flow P a b) /\ (r GrantReply = true -> flow P b a)
  | LServe | LSaved => r GrantReply = true -> flow P b a
  | _ => True
  end.

Definition allowed (P : policy) (s : state) (a : L) (c : capability) : Prop :=
  may P a (label (cap_place c)) (cap_kind c) (cap_rights c)
  /\ forall o x, cap_kind c = Region -> objects s (cap_place c) = Some o ->
       covers (bounds o) x -> may P a (label x) Region (cap_rights c).

(** Every living capability and every link is one that the policy allows. *)
Record confined (P : policy) (s : state) : Prop := {
  capabilities_allowed : forall T o n c,
    objects s T = Some o -> slots o n = Some c -> live s c -> allowed P s (label T) c;
  links_allowed : forall l p q op oq,
    objects s p = Some op -> objects s q = Some oq -> out op l q = true ->
    link_allowed P l (through op) (kind oq) (label p) (label q)
}.

Section Kept.

Variable P : policy.
Hypothesis C : closed P.

Lemma allowed_flow : forall s a a' c, allowed P s a c -> flow P a a' -> allowed P s a' c.
Proof.
  intros s a a' c [M R] F; split; [|intros o x Hk Ho Hx]; eapply (may_flow _ C); eauto.
Qed.

(** What a thread holds, its own partition may hold. *)
Lemma owns_allowed : forall s t c, confined P s -> owns s t c -> live s c ->
  allowed P s (label t) c.
Proof.
  intros s t c F (ot & T & oT & n & Ht & _ & Hl & HT & Hn) HL.
  pose proof (links_allowed _ _ F _ _ _ _ _ Ht HT Hl) as [_ B].
  eapply allowed_flow; [|exact B]. eapply (capabilities_allowed _ _ F); eauto.
Qed.

Lemma has_may : forall s t k p x, confined P s -> has s t k p x ->
  exists r, may P (label t) (label p) k r /\ r x = true.
Proof.
  intros s t k p x F (c & (Ho & Hl & _) & Hk & Hp & Hx).
  destruct (owns_allowed _ _ _ F Ho Hl) as [M _]; subst; eauto.
Qed.

Lemma has_covers : forall s t r o x, confined P s ->
  has s t Region r Write -> objects s r = Some o -> covers (bounds o) x ->
  exists q, may P (label t) (label x) Region q /\ q Write = true.
Proof.
  intros s t r o x F (c & (Ho & Hl & _) & Hk & Hp & Hx) Hr Hc.
  destruct (owns_allowed _ _ _ F Ho Hl) as [_ M]; subst; eauto.
Qed.

Lemma governs_may : forall s t x, confined P s -> governs s t x ->
  exists q, may P (label t) (label x) Region q /\ q Write = true.
Proof. intros s t x F (r & o & Hr & Ho & Hx); eauto using has_covers. Qed.

Lemma mine_covers : forall s r b x, sound s -> region_of s r b -> mine b x -> covers b x.
Proof.
  intros s r b x S Hr Hx.
  destruct (regions_sound _ (sound_layout _ S) _ _ Hr) as (? & ? & _).
  unfold mine, covers in *; lia.
Qed.

Lemma fill_governs : forall s t p n, sound s -> may_fill s t (Extent p n) -> governs s t p.
Proof.
  intros s t p n S (r & o & Hr & Ho & Hn & Hx). exists r, o; repeat split; auto.
  all: eapply mine_covers; eauto using has_region; apply Hx; unfold inside; simpl in *; lia.
Qed.

(** ** Capabilities *)

(** What a region covers never changes. *)
Lemma step_covers : forall s who s', step s who s' -> forall p o o',
  objects s p = Some o -> objects s' p = Some o' ->
  base (bounds o') = base (bounds o) /\ last (bounds o') = last (bounds o).
Proof.
  intros s who s' H z o o' Ho Ho'.
  destruct H; unfold relink in Ho'; simpl in Ho'; look; same; simpl; auto.
Qed.

(** What was allowed stays so. *)
Lemma allowed_kept : forall s who s' a c, step s who s' -> live s c ->
  allowed P s a c -> allowed P s' a c.
Proof.
  intros s who s' a c H (o & Ho & _) [M R]; split; [exact M|].
  intros o' x Hk Ho' Hx. destruct (step_covers _ _ _ H _ _ _ Ho Ho') as [B1 B2].
  apply (R o x); auto. unfold covers in *; rewrite <- B1, <- B2; exact Hx.
Qed.

(** A channel leads only where capabilities may go. *)
Lemma channel_flow : forall s who a b, sound s -> confined P s -> channel s who a b ->
  flow P (label a) (label b).
Proof.
  intros s who a b S F H.
  destruct H as [who a b e oa _ HS HR Ha Hg | a b ob HS Hb Hg | a b ob r HS Hr Hb Hg].
  - destruct HS as (oa' & Ha' & Hs), HR as (ob & Hb & Hr); same.
    assert (exists oe, objects s e = Some oe) as [oe He].
    { assert (R : referred s LReceive b e) by (apply (sound_links _ S); eexists; eauto).
      destruct R as (oe & ? & _); eauto. }
    assert (Ek : kind oe = Endpoint)
      by (eapply (sound_receivers _ S); eauto; eexists; eauto).
    destruct (links_allowed _ _ F _ _ _ _ _ Hb He Hr Ek) as [_ E1].
    pose proof (links_allowed _ _ F _ _ _ _ _ Ha He Hs) as E2.
    destruct (E2 Ek) as [E3 _]. eapply (flow_trans _ C); eauto.
  - destruct HS as (ob' & Hb' & Hs); same.
    assert (R : referred s LServe b a) by (apply (sound_links _ S); eexists; eauto).
    destruct R as (oa & Ha & _). exact (links_allowed _ _ F _ _ _ _ _ Hb Ha Hs Hg).
  - destruct HS as (ob' & Hb' & Hs); same.
    assert (R : referred s LSaved b r) by (apply (sound_links _ S); eexists; eauto).
    destruct R as (oR & HoR & _).
    pose proof (links_allowed _ _ F _ _ _ _ _ Hb HoR Hs Hg) as E.
    destruct (has_may _ _ _ _ _ F Hr) as (q & Hq & Hw).
    destruct (answer_flow _ C _ _ _ Hq Hw) as [E' _]. eapply (flow_trans _ C); eauto.
Qed.

Lemma capabilities_kept : forall s who s', sound s -> confined P s -> step s who s' ->
  forall T o n c, objects s' T = Some o -> slots o n = Some c -> live s' c ->
  allowed P s' (label T) c.
Proof.
  intros s who s' S F H T o n c HT Hn HL.
  assert (table : forall t, has s t CapTable T Write -> flow P (label t) (label T)).
  { intros t Ht; destruct (has_may _ _ _ _ _ F Ht) as (q & Hq & Hw).
    apply (table_flow _ C) in Hq; tauto. }
  destruct (step_origin _ _ _ H _ _ _ _ HT Hn) as
    [o0 n0 HT0 Hn0 | t c0 r _ Hc Ht W -> | a b Ho Hch Hb | t k r p m _ Hk Hf Ht W -> _
    | t R oR x ox _ HR HoR Ht Hx Hm Hsub -> _].
  - (* it was there *)
    assert (live s c) by (eapply live_before; eauto; eapply slots_known; eauto; apply S).
    eapply allowed_kept; eauto. eapply (capabilities_allowed _ _ F); eauto.
  - (* copied *)
    destruct Hc as (Ho & Hl & _).
    assert (A : allowed P s (label T) c0)
      by (eapply allowed_flow; [eapply owns_allowed; eauto | auto]).
    destruct (allowed_kept _ _ _ _ _ H Hl A) as [M R].
    split; simpl; [|intros o' x E Ho' Hx]; eapply (may_less _ C); eauto.
  - (* passed *)
    assert (live s c) by (eapply live_before; eauto; eapply owns_known; eauto; apply S).
    eapply allowed_kept; eauto.
    eapply allowed_flow with (a := label b).
    + eapply allowed_flow; [eapply owns_allowed; eauto | eapply channel_flow; eauto].
    + destruct Hb as (ob & Hb & Hl).
      assert (R : referred s LTable b T) by (apply (sound_links _ S); eexists; eauto).
      destruct R as (oT & HoT & _).
      destruct (links_allowed _ _ F _ _ _ _ _ Hb HoT Hl); auto.
  - (* created *)
    apply fill_governs in Hf; auto. destruct (governs_may _ _ _ F Hf) as (q & Hq & Hw).
    split; simpl; [|intros o' x E; congruence].
    eapply (may_less _ C); eauto. eapply (may_flow _ C); eauto. eapply (may_create _ C); eauto.
  - (* a region split off *)
    pose proof (has_region _ _ _ _ _ HR HoR) as Hreg.
    assert (K : forall y, mine (bounds oR) y ->
      may P (label T) (label y) Region (created Region)).
    { intros y Hy. destruct (has_covers _ _ _ _ y F HR HoR) as (q & Hq & Hw);
        eauto using mine_covers.
      eapply (may_flow _ C); eauto. eapply (may_create _ C); eauto. }
    split; simpl; auto. intros o' y _ Ho' Hy; same; auto.
Qed.

(** ** Links *)

(** What a thread sent through changes only while nothing depends on it. *)
Lemma step_through : forall s who s', step s who s' -> forall p o o',
  objects s p = Some o -> objects s' p = Some o' -> through o' = through o \/ idle o.
Proof.
  intros s who s' H z o o' Ho Ho'.
  destruct H; unfold relink in Ho'; simpl in Ho'; look; same; simpl; auto.
Qed.

Lemma idle_allowed : forall o l q r r' k a b, idle o -> out o l q = true ->
  link_allowed P l r k a b -> link_allowed P l r' k a b.
Proof.
  intros o l q r r' k a b I Hl. destruct (I q) as (? & ? & ?).
  destruct l; simpl; auto; congruence.
Qed.

(** Authority over a new link is authority for it. *)
Lemma may_link_allowed : forall s who l p q op oq, sound s -> confined P s ->
  objects s p = Some op -> objects s q = Some oq -> may_link s who l p q ->
  link_allowed P l (through op) (kind oq) (label p) (label q).
Proof.
  intros s who l p q op oq S F Hp Hq H; destruct H; simpl; auto.
  - (* a thread uses a table *)
    destruct (governs_may _ _ _ F H) as (r & Hr & Hw).
    destruct (has_may _ _ _ _ _ F H0) as (r' & Hr' & Hw').
    destruct (region_flow _ C _ _ _ Hr Hw), (table_flow _ C _ _ _ Hr' Hw').
    split; eapply (flow_trans _ C); eauto.
  - (* a gate leads to an endpoint *)
    intros Ek. destruct (has_kind _ _ _ _ _ H0) as (o & Ho & Hk & _); same; subst k.
    destruct (governs_may _ _ _ F H) as (r & Hr & Hw).
    destruct (has_may _ _ _ _ _ F H0) as (r' & Hr' & Hw'). rewrite Ek in Hr'.
    destruct (region_flow _ C _ _ _ Hr Hw), (receive_flow _ C _ _ _ Hr' (or_intror Hw')).
    split; eapply (flow_trans _ C); eauto.
  - (* a message *)
    intros Ek; same. destruct H3 as (og & Hog & Hl), H as (Ho & HL & _).
    destruct (owns_allowed _ _ _ F Ho HL) as [M _]; subst g. rewrite H0 in M.
    destruct (links_allowed _ _ F _ _ _ _ _ Hog Hq Hl Ek).
    split; intros Hx; eapply (flow_trans _ C); eauto.
    + eapply (grant_flow _ C); eauto.
    + eapply (reply_flow _ C); eauto.
  - (* a fault *)
    intros _; same; split; intros Hx; apply H6 in Hx; discriminate.
  - (* receiving *)
    destruct (has_may _ _ _ _ _ F H) as (r & Hr & Hw).
    intros _; apply (receive_flow _ C _ _ _ Hr); auto.
  - (* being served *)
    intros Hg. destruct H0 as (op' & Hp' & Hs), H1 as (oq' & Hq' & Hr); same.
    assert (exists oe, objects s e = Some oe) as [oe He].
    { assert (R : referred s LReceive q e) by (apply (sound_links _ S); eexists; eauto).
      destruct R as (oe & ? & _); eauto. }
    assert (Ek : kind oe = Endpoint)
      by (eapply (sound_receivers _ S); eauto; eexists; eauto).
    destruct (links_allowed _ _ F _ _ _ _ _ Hq He Hr Ek) as [E1 _].
    destruct (links_allowed _ _ F _ _ _ _ _ Hp He Hs Ek) as [_ E2].
    eapply (flow_trans _ C); eauto.
  - (* being saved *)
    intros Hg. destruct H as (op' & Hp' & Hs); same.
    assert (R : referred s LServe p t) by (apply (sound_links _ S); eexists; eauto).
    destruct R as (ot & Ht & _).
    pose proof (links_allowed _ _ F _ _ _ _ _ Hp Ht Hs Hg) as E.
    destruct (has_may _ _ _ _ _ F H0) as (r & Hr & Hw).
    destruct (answer_flow _ C _ _ _ Hr Hw) as [_ E']. eapply (flow_trans _ C); eauto.
Qed.

Lemma links_kept : forall s who s', sound s -> confined P s -> step s who s' ->
  forall l p q op oq, objects s' p = Some op -> objects s' q = Some oq -> out op l q = true ->
  link_allowed P l (through op) (kind oq) (label p) (label q).
Proof.
  intros s who s' S F H l p q op' oq' Hp' Hq' Hl.
  assert (HL : linked s' l p q) by (eexists; eauto).
  assert (old : linked s l p q ->
    link_allowed P l (through op') (kind oq') (label p) (label q)).
  { intros (op & Hp & Ho).
    assert (R : referred s l p q) by (apply (sound_links _ S); eexists; eauto).
    destruct R as (oq & Hq & _).
    pose proof (step_evolves _ _ _ H q) as E; rewrite Hq, Hq' in E; destruct E as [Ek _].
    rewrite Ek. pose proof (links_allowed _ _ F _ _ _ _ _ Hp Hq Ho) as A.
    destruct (step_through _ _ _ H _ _ _ Hp Hp') as [->|I]; eauto using idle_allowed. }
  destruct (step_links _ _ _ H) as [who E _ | who l0 p0 q0 op oq b Hp Hq N B Es].
  - apply old, E, HL.
  - rewrite Es in HL. apply (new_link s l0 p0 q0 op oq b Hp Hq N) in HL.
    destruct HL as [HL|(-> & -> & -> & ->)]; auto.
    destruct (B eq_refl) as (_ & _ & ML).
    assert (Et : through op' = through op /\ kind oq' = kind oq).
    { subst s'; unfold relink in Hp', Hq'; simpl in Hp', Hq'. look; same; simpl; auto; congruence. }
    destruct Et as [-> ->]. eapply may_link_allowed; eauto.
Qed.

Theorem confined_kept : forall s who s', sound s -> confined P s -> step s who s' ->
  confined P s'.
Proof. constructor; eauto using capabilities_kept, links_kept. Qed.

Theorem confined_run : forall s s', sound s -> confined P s -> run s s' ->
  sound s' /\ confined P s'.
Proof.
  intros s s' S F H.
  apply run_keeps with (P := fun s => sound s /\ confined P s) (s := s); auto.
  clear s s' S F H; intros s who s' [S F] H; eauto using sound_kept, confined_kept.
Qed.

End Kept.

End Policy.

Arguments Policy {L}.
Arguments flow {L}.
Arguments may {L}.
Arguments closed {L}.
Arguments flow_refl {L}.
Arguments flow_trans {L}.
Arguments may_less {L}.
Arguments may_flow {L}.
Arguments may_create {L}.
Arguments region_flow {L}.
Arguments table_flow {L}.
Arguments grant_flow {L}.
Arguments reply_flow {L}.
Arguments receive_flow {L}.
Arguments answer_flow {L}.
Arguments capabilities_allowed {L label}.
Arguments links_allowed {L label}.
Arguments link_allowed {L}.
Arguments has_may {L label}.
Arguments confined_run {L label}.
