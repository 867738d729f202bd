(** The abstract state of the kernel: what lies where, what it refers to, and what it holds.

    Everything that the properties are about is here; queues, budgets, registers and the contents
    of memory are not ([Contents] adds the last). *)

From Coq Require Import Arith List.
From Isolation Require Import Capability.


(** The paired links of the kernel's table of links, named after the end that refers. *)
Inductive link : Set :=
| LTable                                    (* thread -> the table whose capabilities it uses *)
| LSpace                                    (* thread -> its address space *)
| LBuffer                                   (* thread -> the frame of its message buffer *)
| LTarget                                   (* gate -> its endpoint or notification *)
| LSend                                     (* thread -> the endpoint where its message waits *)
| LVia                                      (* thread -> the gate it sends through *)
| LReceive                                  (* thread -> the endpoint at which it receives *)
| LServe                                    (* caller -> the thread that has to answer *)
| LSaved                                    (* caller -> the reply object that holds it *)
| LHolder                                   (* reply -> the thread that saved its caller *)
| LWait                                     (* thread -> the notification it waits for *)
| LBound                                    (* thread -> the notification that ends its receive *)
| LContext                                  (* thread -> its own scheduling context *)
| LLend                                     (* thread -> the context that it runs on *)
| LAllowance                                (* what is counted -> the allowance it was taken from *)
| LIrq                                      (* interrupt -> the notification it signals *)
| LMap (address : nat) (writable : bool).   (* space -> a frame that it maps *)

Definition link_eq (l l' : link) : {l = l'} + {l <> l'}.
Proof. repeat decide equality. Defined.

(** A row of cells that an object occupies: its head, or memory that was given to it. *)
Record extent : Set := Extent { first : place; size : nat }.

Definition inside (x : place) (e : extent) : Prop := first e <= x < first e + size e.

(** What a region is about: its own part is [[base, limit)], it covers [[base, last)]. *)
Record range : Set := Range { base : place; limit : place; last : place; device : bool }.

Record object := Object {
  id : nat;                              (* 0 while it is dying *)
  kind : kind_name;
  extents : list extent;                 (* the head first *)
  out : link -> place -> bool;           (* what it refers to *)
  into : link -> place -> bool;          (* what refers to it *)
  slots : nat -> option capability;      (* of a table *)
  bounds : range;                        (* of a region *)
  through : rights;                      (* of a thread: of the gate it last sent through *)
  window : nat -> bool;                  (* of a thread: where it takes capabilities *)
  handler : option (place * nat);        (* of a thread: the gate of its faults, a checked link *)
  given : option place                   (* of a frame: the device it was given to *)
}.

Record state := State {
  next_id : nat;
  objects : place -> option object
}.

(** ** Changing one thing *)

Definition update {A} (m : place -> A) (p : place) (v : A) : place -> A :=
  fun q => if Nat.eqb q p then v else m q.

Lemma update_same : forall A (m : place -> A) p v, update m p v p = v.
Proof. intros; unfold update; rewrite Nat.eqb_refl; reflexivity. Qed.

Lemma update_other : forall A (m : place -> A) p v q, q <> p -> update m p v q = m q.
Proof. intros; unfold update; apply Nat.eqb_neq in H; rewrite H; reflexivity. Qed.

Definition mark (m : link -> place -> bool) l p b : link -> place -> bool :=
  fun l' p' => if link_eq l' l then (if Nat.eqb p' p then b else m l' p') else m l' p'.

Lemma mark_same : forall m l p b, mark m l p b l p = b.
Proof.
  intros; unfold mark. destruct (link_eq l l); [|congruence].
  rewrite Nat.eqb_refl; reflexivity.
Qed.

Lemma mark_other : forall m l p b l' p',
  l' <> l \/ p' <> p -> mark m l p b l' p' = m l' p'.
Proof.
  intros; unfold mark. destruct (link_eq l' l); [|reflexivity].
  destruct (Nat.eqb_spec p' p); [|reflexivity]. destruct H; congruence.
Qed.

Definition put (s : state) (p : place) (o : object) : state :=
  State (next_id s) (update (objects s) p (Some o)).

Definition remove (s : state) (p : place) : state :=
  State (next_id s) (update (objects s) p None).

Definition count (s : state) : state := State (S (next_id s)) (objects s).

Definition with_id o i := Object i (kind o) (extents o) (out o) (into o) (slots o) (bounds o)
  (through o) (window o) (handler o) (given o).
Definition with_extents o e := Object (id o) (kind o) e (out o) (into o) (slots o) (bounds o)
  (through o) (window o) (handler o) (given o).
Definition with_out o l p b := Object (id o) (kind o) (extents o) (mark (out o) l p b) (into o)
  (slots o) (bounds o) (through o) (window o) (handler o) (given o).
Definition with_into o l p b := Object (id o) (kind o) (extents o) (out o) (mark (into o) l p b)
  (slots o) (bounds o) (through o) (window o) (handler o) (given o).
Definition with_slot o n c := Object (id o) (kind o) (extents o) (out o) (into o)
  (update (slots o) n c) (bounds o) (through o) (window o) (handler o) (given o).
Definition with_bounds o b := Object (id o) (kind o) (extents o) (out o) (into o) (slots o) b
  (through o) (window o) (handler o) (given o).
Definition with_offer o r w := Object (id o) (kind o) (extents o) (out o) (into o) (slots o)
  (bounds o) r w (handler o) (given o).
Definition with_handler o h := Object (id o) (kind o) (extents o) (out o) (into o) (slots o)
  (bounds o) (through o) (window o) h (given o).
Definition with_given o d := Object (id o) (kind o) (extents o) (out o) (into o) (slots o)
  (bounds o) (through o) (window o) (handler o) d.

(** A new object: nothing refers to it, it refers to nothing, it holds nothing. *)
Definition fresh i k es b := Object i k es (fun _ _ => false) (fun _ _ => false) (fun _ => None) b
  no_rights (fun _ => false) None None.

(** Both ends of a link are written together. *)
Definition relink (s : state) l p q (op oq : object) b : state :=
  put (put s p (with_out op l q b)) q (with_into oq l p b).

(** ** Asking *)

(** Some object, living or dying, occupies the cell. *)
Definition occupied (s : state) (x : place) : Prop :=
  exists p o e, objects s p = Some o /\ In e (extents o) /\ inside x e.

Definition free (s : state) (e : extent) : Prop := forall x, inside x e -> ~ occupied s x.

(** The object of the capability still exists. *)
Definition live (s : state) (c : capability) : Prop :=
  exists o, objects s (cap_place c) = Some o
    /\ id o = cap_id c /\ id o <> 0 /\ kind o = cap_kind c.

(** Slot [n] of the table of thread [t] is [c].  (A table that is dying serves its threads until
    it is taken from them.) *)
Definition owns (s : state) (t : place) (c : capability) : Prop :=
  exists ot T oT n, objects s t = Some ot /\ kind ot = Thread /\ out ot LTable T = true
    /\ objects s T = Some oT /\ slots oT n = Some c.

(** A living thread finds a living object by a capability of its table. *)
Definition holds (s : state) (t : place) (c : capability) : Prop :=
  owns s t c /\ live s c /\ exists ot, objects s t = Some ot /\ id ot <> 0.

Definition has (s : state) (t : place) (k : kind_name) (p : place) (r : right) : Prop :=
  exists c, holds s t c /\ cap_kind c = k /\ cap_place c = p /\ cap_rights c r = true.

Definition linked (s : state) (l : link) (p q : place) : Prop :=
  exists o, objects s p = Some o /\ out o l q = true.

Definition dying (s : state) (p : place) : Prop :=
  exists o, objects s p = Some o /\ id o = 0.
