(** Confidentiality of memory contents: what is written in frames and registers moves only along
    paths for which there is a capability, a mapping made with one, or a message or signal on its
    way.

    The machine of [Unwinding] is instantiated: its calls are the ways in which contents move, each
    in a state of the model that can be reached.  The conditions on calls are proved here, not
    assumed. *)

From Coq Require Import Arith List Lia.
From Isolation Require Import Capability State Step Identity Memory Links Policy Confinement.
From Isolation Require Unwinding.
Import ListNotations.

Section Contents.

Variable L : Type.
Variable label : place -> L.

(** The state at the beginning. *)
Variable start : state.
Hypothesis start_sound : sound start.

(** What a thread computes next from its registers and a word, and what it then stores. *)
Variables (word : Type) (compute store : word -> word -> word) (zero : word).

(** ** Paths of contents

    The registers of a thread stand in its first cell, the bits of a notification in its first, the
    contents of a frame in its cells. *)

(** Thread [t] can load the cell, or store to it: its space maps the frame. *)
Definition maps (s : state) (t : place) (is_store : bool) (x : place) : Prop :=
  exists sp a w f o e, linked s LSpace t sp /\ linked s (LMap a w) sp f
    /\ objects s f = Some o /\ In e (extents o) /\ inside x e
    /\ (is_store = true -> w = true).

(** A message, an answer or a fault goes from [a] to [b]. *)
Definition talks (s : state) (a b : place) : Prop :=
  (exists e, linked s LSend a e /\ linked s LReceive b e)
  \/ linked s LServe b a
  \/ (exists r, linked s LSaved b r /\ has s a Reply r Write).

(** [x] is a register cell or a cell of the message buffer. *)
Definition carries (s : state) (t x : place) : Prop :=
  x = t \/ exists f o e, linked s LBuffer t f /\ objects s f = Some o /\ In e (extents o)
    /\ inside x e.

(** The ways in which contents move, in the state [s]: on behalf of which thread, from where, to
    where. *)
Inductive moves (s : state) : place -> place -> place -> Prop :=
(* an instruction of the thread *)
| Load : forall t x, maps s t false x -> moves s t x t
| Store : forall t x, maps s t true x -> moves s t t x
(* a message, on behalf of either side *)
| Tell : forall t a b x y, talks s a b -> t = a \/ t = b -> carries s a x -> carries s b y ->
    moves s t x y
(* thread_read, thread_peek: registers and memory of a thread that one holds *)
| ReadOther : forall t u, has s t Thread u Read -> moves s t u t
| PeekOther : forall t u x, has s t Thread u Read -> maps s u false x -> moves s t x t
(* thread_write, thread_start, thread_poke *)
| WriteOther : forall t u, has s t Thread u Write -> moves s t t u
| PokeOther : forall t u x, has s t Thread u Write -> maps s u true x -> moves s t t x
(* signal and wait: the bits lie in the notification *)
| SetBits : forall t g n, has s t Gate g Signal -> linked s LTarget g n -> moves s t t n
| Wake : forall t g n u, has s t Gate g Signal -> linked s LTarget g n ->
    linked s LWait u n \/ linked s LBound u n -> moves s t n u
| Take : forall t n x y, has s t Notification n Read \/ linked s LBound t n ->
    x = n /\ y = t \/ x = t /\ y = n -> moves s t x y
(* a creation zeroes: nothing of what was there comes along *)
| Zero : forall t x e, may_fill s t e -> inside x e -> moves s t x x.

(** ** The machine *)

Inductive call :=
| Move (t from to : place)
| Clear (t x : place).

Definition caller (c : call) : L :=
  match c with Move t _ _ => label t | Clear t _ => label t end.

Definition memory := place -> word.

Definition step (c : call) (_ : unit) (m : memory) : memory :=
  match c with
  | Move t from to => update m to (if Nat.eq_dec to t then compute (m to) (m from)
                                   else store (m to) (m from))
  | Clear t x => update m x zero
  end.

(** The call can be made in a state that can be reached. *)
Definition possible (c : call) : Prop :=
  exists s, Step.run start s /\ match c with
  | Move t from to => moves s t from to
  | Clear t x => exists e, may_fill s t e /\ inside x e
  end.

Definition calls := { c : call | possible c }.

Definition reads (c : calls) (_ : unit) (_ : memory) (x : place) : Prop :=
  match proj1_sig c with Move _ from to => x = from \/ x = to | Clear _ _ => False end.

Definition writes (c : calls) (_ : unit) (_ : memory) (x : place) : Prop :=
  match proj1_sig c with Move _ _ to => x = to | Clear _ x' => x = x' end.

(** Partition [u] may read and write a partition's contents if some state that can be reached lets a
    thread of [u] do so. *)
Definition may_read (u v : L) : Prop := exists s t x y, Step.run start s
  /\ (moves s t x y \/ moves s t y x) /\ label t = u /\ label x = v.
Definition may_write (u v : L) : Prop := exists s t x y, Step.run start s
  /\ moves s t x y /\ label t = u /\ label y = v.

Lemma writes_only : forall (c : calls) t m a,
  step (proj1_sig c) t m a = m a \/ writes c t m a.
Proof.
  intros [c Hc] t m a; unfold writes; destruct c; simpl; unfold update;
    destruct (Nat.eqb_spec a to) || destruct (Nat.eqb_spec a x); auto.
Qed.

Lemma depends_only : forall (c : calls) t m m',
  (forall a, reads c t m a -> m a = m' a) ->
  forall a, (writes c t m' a -> writes c t m a)
    /\ (writes c t m a -> step (proj1_sig c) t m a = step (proj1_sig c) t m' a).
Proof.
  intros [c Hc] t m m' H a; unfold reads, writes in *; destruct c; simpl in *; split; auto;
    intros ->; rewrite !update_same; auto.
  rewrite (H from), (H to); auto.
Qed.

Lemma reads_allowed : forall (c : calls) t m a, reads c t m a ->
  may_read (caller (proj1_sig c)) (label a).
Proof.
  intros [[t from to|t x] (s & HR & H)] tt m a HA; unfold reads in HA; simpl in *; [|tauto].
  destruct HA as [->| ->].
  - exists s, t, from, to; auto.
  - exists s, t, to, from; auto 6.
Qed.

Lemma writes_allowed : forall (c : calls) t m a, writes c t m a ->
  may_write (caller (proj1_sig c)) (label a).
Proof.
  intros [[t from to|t x] (s & HR & H)] tt m a HA; unfold writes in HA; simpl in *; subst.
  - exists s, t, from, to; auto.
  - destruct H as (e & He & Hx). exists s, t, x, x; repeat split; eauto using Zero.
Qed.

Definition run : list (calls * unit) -> memory -> memory :=
  Unwinding.run place word calls unit (fun c => step (proj1_sig c)).
Definition alike : L -> memory -> memory -> Prop := Unwinding.alike place word L label may_read.
Definition sources := Unwinding.sources L calls (fun c => caller (proj1_sig c)) unit
  may_read may_write.

(** Contents that differ only where no chain of moves leads to [u] stay the same to [u]. *)
Theorem contents_confidential : forall inputs m m' u,
  (forall v, sources inputs u v -> alike v m m') -> alike u (run inputs m) (run inputs m').
Proof.
  intros inputs m m' u A.
  refine (Unwinding.confidentiality place word L label calls _ unit _ reads writes
    may_read may_write writes_only depends_only reads_allowed writes_allowed inputs m m' u A).
Qed.

(** Whatever was moved without a chain of moves to [u] might as well not have been. *)
Theorem contents_noninterference : forall inputs inputs' u m,
  Unwinding.purged L calls (fun c => caller (proj1_sig c)) unit may_read may_write u
    inputs inputs' ->
  alike u (run inputs m) (run inputs' m).
Proof.
  intros inputs inputs' u m H.
  refine (Unwinding.noninterference place word L label calls _ unit _ reads writes
    may_read may_write writes_only depends_only reads_allowed writes_allowed inputs inputs' u m H).
Qed.

(** Contents of a partition that nobody may write do not change. *)
Theorem contents_integrity : forall inputs m a,
  (forall c t, In (c, t) inputs -> ~ may_write (caller (proj1_sig c)) (label a)) ->
  run inputs m a = m a.
Proof.
  intros inputs m a N.
  refine (Unwinding.integrity place word L label calls _ unit _ writes may_write
    writes_only writes_allowed inputs m a N).
Qed.

(** ** Each mapping goes back to a capability *)

(** What a space maps, some partition had a capability for, with the right, along a chain of grants,
    when it made the mapping; and that partition had the space, too. *)
Theorem mapping_has_authority : forall s a w sp f, Step.run start s ->
  linked s (LMap a w) sp f -> ~ linked start (LMap a w) sp f ->
  exists u r r', chain_may L label start u (label f) Frame r
    /\ r Read = true /\ (w = true -> r Write = true)
    /\ chain_may L label start u (label sp) AddressSpace r' /\ r' Write = true.
Proof.
  intros s a w sp f HR; induction HR as [|s who s' HR IH H]; intros HL N; [contradiction|].
  destruct (step_links _ _ _ H) as [who E _ | who l p q op oq b Hp Hq Npq B Es].
  - apply IH; auto. apply E, HL.
  - rewrite Es in HL. apply (new_link s l p q op oq b Hp Hq Npq) in HL.
    destruct HL as [HL|(<- & -> & -> & ->)]; auto.
    destruct (B eq_refl) as (_ & _ & ML); inversion ML; subst.
    destruct (confined_run _ (chains_closed L label start) _ _ start_sound
      (chains_confine L label start) HR) as [_ F].
    assert (HF : has s t Frame (cap_place c) Read) by (exists c; auto).
    match goal with X : has s t AddressSpace p Write |- _ =>
      destruct (has_may _ (chains_closed L label start) _ _ _ _ _ F X) as (r' & Hr' & Hw') end.
    match goal with X : holds s t c |- _ => destruct X as (Ho & Hl & _) end.
    destruct (owns_allowed L label _ (chains_closed L label start) _ _ _ F Ho Hl) as [M _].
    match goal with X : cap_kind c = Frame |- _ => rewrite X in M end.
    exists (label t), (cap_rights c), r'; auto.
Qed.

End Contents.
