(** Rights, kinds and capabilities, as the written interface of the kernel has them.

    A capability names an object twice: by the place where it lies and by an identity that is never
    given again.  It is good for something while an object of its kind lies there with that
    identity. *)


(** Where an object begins, or any cell of memory: a physical address / 64. *)
Definition place := nat.

(** [Read] is also the right to receive and to wait. *)
Inductive right : Set :=
  Send | Signal | Grant | GrantReply | Read | Write | MakeGate | Destroy.

Definition rights := right -> bool.

(** [within r r']: who has [r] has no more than who has [r']. *)
Definition within (r r' : rights) : Prop := forall x, r x = true -> r' x = true.

Definition no_rights : rights := fun _ => false.

Lemma within_refl : forall r, within r r.
Proof. unfold within; auto. Qed.

Lemma within_trans : forall a b c, within a b -> within b c -> within a c.
Proof. unfold within; auto. Qed.

Lemma no_rights_within : forall r, within no_rights r.
Proof. unfold within, no_rights; discriminate. Qed.

Inductive kind_name : Set :=
  Region | Allowance | Platform | Frame | AddressSpace | CapTable | Thread | SchedulingContext
| Endpoint | Gate | Notification | Reply | Irq.

Record capability : Set := Capability {
  cap_kind : kind_name;
  cap_rights : rights;
  cap_place : place;
  cap_id : nat
}.

(** What a capability to a new object allows at most: [HOLDER], [RECEIVER], [SENDER] and
    [SIGNALLER] of the kernel. *)
Definition created (k : kind_name) : rights := fun r =>
  match k, r with
  | Gate, (Send | Grant | GrantReply | Signal | Destroy) => true
  | Gate, _ => false
  | (Endpoint | Notification), (Read | Write | Destroy | MakeGate) => true
  | _, (Read | Write | Destroy) => true
  | _, _ => false
  end.
