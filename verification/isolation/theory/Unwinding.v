(** What a proof about single calls is good for: if every call reads and writes only what its
    partition may, and what it writes depends only on what it reads, then whole runs keep
    integrity and confidentiality.

    This is Rushby's reference monitor (Noninterference, Transitivity, and Channel-Control Security
    Policies, 1992) for a policy that need not be transitive, with two additions: a call also gets
    a *declassified* input, and what it reads and writes may depend on the state.

    Nothing here knows Pecan: memory is words at addresses, a call is a function of memory.  The
    conditions 1 to 4 have the shape in which a proof about the machine code of one system call
    discharges them. *)

From Coq Require Import List.
Import ListNotations.

Section Unwinding.

(** Words, where they are, and who they belong to. *)
Variables address word partition : Type.
Variable partition_of : address -> partition.
Definition memory := address -> word.

(** A call with its arguments, and on whose behalf it is made. *)
Variable call : Type.
Variable caller : call -> partition.

(** What is told although it depends on others: the order in which calls come is declassified
    because it is an input of a run; all else stands here (whether somebody waits at a shared
    endpoint, a refusal for want of memory, the time). *)
Variable told : Type.

(** The machine: what a call makes of memory. *)
Variable step : call -> told -> memory -> memory.

(** ** The conditions on calls *)

(** Which words a call reads and writes. *)
Variable reads writes : call -> told -> memory -> address -> Prop.

(** Who may read and write words of whom. *)
Variable may_read may_write : partition -> partition -> Prop.

(** 1. Only the words that it writes change. *)
Hypothesis writes_only : forall c t m a, step c t m a = m a \/ writes c t m a.

(** 2. Which words it reads and writes, and what it writes, depends only on what it reads. *)
Hypothesis depends_only : forall c t m m',
  (forall a, reads c t m a -> m a = m' a) ->
  forall a, (writes c t m' a -> writes c t m a)
    /\ (writes c t m a -> step c t m a = step c t m' a).

(** 3. It reads only words of partitions that its caller may read. *)
Hypothesis reads_allowed : forall c t m a,
  reads c t m a -> may_read (caller c) (partition_of a).

(** 4. It writes only words of partitions that its caller may write. *)
Hypothesis writes_allowed : forall c t m a,
  writes c t m a -> may_write (caller c) (partition_of a).

(** ** Runs *)

Definition input := (call * told)%type.

Fixpoint run (inputs : list input) (m : memory) : memory :=
  match inputs with
  | [] => m
  | (c, t) :: rest => run rest (step c t m)
  end.

(** [u] cannot tell the two apart: all that it may read is the same. *)
Definition alike (u : partition) (m m' : memory) : Prop :=
  forall a, may_read u (partition_of a) -> m a = m' a.

(** Whatever [u] does, [v] may see: [u] writes something that [v] reads. *)
Definition flows (u v : partition) : Prop :=
  u = v \/ exists p, may_write u p /\ may_read v p.

(** ** Local respect and step consistency, from the conditions *)

Lemma local_respect : forall c t m v, ~ flows (caller c) v -> alike v m (step c t m).
Proof.
  intros c t m v N a Ha. destruct (writes_only c t m a) as [->|W]; [reflexivity|].
  exfalso; apply N; right; eauto.
Qed.

Lemma step_consistent : forall c t m m' v,
  alike v m m' -> alike (caller c) m m' -> alike v (step c t m) (step c t m').
Proof.
  intros c t m m' v A B a Ha.
  assert (R : forall x, reads c t m x -> m x = m' x) by (intros; apply B; eauto).
  destruct (depends_only _ _ _ _ R a) as [W' W].
  destruct (writes_only c t m' a) as [E'|H']; [|auto].
  destruct (writes_only c t m a) as [E|H]; [|auto].
  rewrite E, E'; auto.
Qed.

(** ** Integrity *)

(** Nobody's words change in a run in which nobody who may write them makes a call. *)
Theorem integrity : forall inputs m a,
  (forall c t, In (c, t) inputs -> ~ may_write (caller c) (partition_of a)) ->
  run inputs m a = m a.
Proof.
  induction inputs as [|(c, t) rest IH]; intros m a N; [reflexivity|]; simpl.
  rewrite IH by (intros; apply N with t0; simpl; auto).
  destruct (writes_only c t m a) as [E|W]; [exact E|].
  exfalso; apply (N c t); simpl; eauto.
Qed.

(** ** Confidentiality *)

(** Whose calls can matter to [u] in a run: there is a chain of calls, each of which may affect the
    next one's caller, that ends at [u]. *)
Fixpoint sources (inputs : list input) (u : partition) : partition -> Prop :=
  match inputs with
  | [] => fun v => v = u
  | (c, _) :: rest => fun v =>
      sources rest u v \/ (v = caller c /\ exists w, sources rest u w /\ flows v w)
  end.

Lemma sources_self : forall inputs u, sources inputs u u.
Proof. induction inputs as [|(c, t) rest IH]; simpl; auto. Qed.

Definition alike_to (V : partition -> Prop) (m m' : memory) : Prop := forall v, V v -> alike v m m'.

(** Two states that are the same to everybody whose calls can matter to [u] stay the same to [u],
    through any run, if the same is told in both. *)
Theorem confidentiality : forall inputs m m' u,
  alike_to (sources inputs u) m m' -> alike u (run inputs m) (run inputs m').
Proof.
  induction inputs as [|(c, t) rest IH]; intros m m' u A; simpl; [apply A; reflexivity|].
  apply IH; intros v Hv x Hx.
  assert (Av : alike v m m') by (apply A; simpl; auto).
  destruct (writes_only c t m x) as [E|W].
  - destruct (writes_only c t m' x) as [E'|W']; [rewrite E, E'; apply Av; auto|].
    assert (F : flows (caller c) v) by (right; eauto).
    eapply step_consistent; eauto. apply A; simpl; eauto.
  - assert (F : flows (caller c) v) by (right; eauto).
    eapply step_consistent; eauto. apply A; simpl; eauto.
Qed.

(** ** Noninterference: the calls that cannot matter might as well not have been made *)

(** The run without them.  Which they are depends on what comes later. *)
Inductive purged (u : partition) : list input -> list input -> Prop :=
| PurgedEnd : purged u [] []
| PurgedKeeps : forall c t rest rest', sources ((c, t) :: rest) u (caller c) ->
    purged u rest rest' -> purged u ((c, t) :: rest) ((c, t) :: rest')
| PurgedDrops : forall c t rest rest', ~ sources ((c, t) :: rest) u (caller c) ->
    purged u rest rest' -> purged u ((c, t) :: rest) rest'.

Theorem noninterference_between : forall inputs inputs' u, purged u inputs inputs' ->
  forall m m', alike_to (sources inputs u) m m' -> alike u (run inputs m) (run inputs' m').
Proof.
  intros inputs inputs' u H;
    induction H as [|c t rest rest' HS _ IH | c t rest rest' HN _ IH]; intros m m' A; simpl.
  - apply A; reflexivity.
  - apply IH; intros v Hv. apply step_consistent; apply A; [simpl; auto | exact HS].
  - apply IH; intros v Hv x Hx.
    transitivity (m x); [|exact (A v (or_introl Hv) x Hx)].
    symmetry; apply (local_respect c t m v); auto.
    intros F; apply HN; simpl; eauto.
Qed.

Theorem noninterference : forall inputs inputs' u m, purged u inputs inputs' ->
  alike u (run inputs m) (run inputs' m).
Proof.
  intros inputs inputs' u m H. eapply noninterference_between; eauto.
  intros v _ a _; reflexivity.
Qed.

(** ** What is told *)

(** A real machine computes what it tells from the state.  If it tells the same in two runs, the
    theorem above is about them. *)
Variable tells : call -> memory -> told.

Fixpoint real_inputs (calls : list call) (m : memory) : list input :=
  match calls with
  | [] => []
  | c :: rest => (c, tells c m) :: real_inputs rest (step c (tells c m) m)
  end.

Definition real_run (calls : list call) (m : memory) : memory := run (real_inputs calls m) m.

Theorem confidentiality_but_for_what_is_told : forall calls m m' u,
  real_inputs calls m = real_inputs calls m' ->
  alike_to (sources (real_inputs calls m) u) m m' ->
  alike u (real_run calls m) (real_run calls m').
Proof.
  intros calls m m' u E A; unfold real_run; rewrite <- E. apply confidentiality, A.
Qed.

(** If callers have the arguments of their calls from what they may read, and what is told them is
    computed from that too, then nothing at all has to be assumed about what is told. *)
Theorem confidentiality_when_nothing_is_told : forall calls m m' u,
  (forall c m m', alike (caller c) m m' -> tells c m = tells c m') ->
  (forall v, alike v m m') ->
  alike u (real_run calls m) (real_run calls m').
Proof.
  intros calls m m' u D A.
  apply confidentiality_but_for_what_is_told; [|intros v _; apply A].
  revert m m' A; induction calls as [|c rest IH]; intros m m' A; [reflexivity|]; simpl.
  rewrite (D c m m') by apply A. f_equal. apply IH; intros v.
  apply step_consistent; apply A.
Qed.

End Unwinding.
