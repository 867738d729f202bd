(** What a thread, or the kernel by itself, can do to the abstract state.

    A system call is one of these steps or a few in a row ([footprints.toml] says which); between
    them others may act, so there are more runs here than the kernel has.  Each premise is a check
    that the kernel makes: what is not checked there is not assumed here. *)

From Coq Require Import Arith List.
From Isolation Require Import Capability State.
Import ListNotations.

(** On whose behalf: a thread that calls, or the kernel's own (timers, drain list, scheduler). *)
Inductive subject := By (thread : place) | Kernel.

(** ** Regions *)

Definition covers (b : range) (x : place) : Prop := base b <= x < last b.
Definition mine (b : range) (x : place) : Prop := base b <= x < limit b.

(** Thread [t] may create in all of [e]: it lies in the own part of a region that [t] may use. *)
Definition may_fill (s : state) (t : place) (e : extent) : Prop :=
  exists r o, has s t Region r Write /\ objects s r = Some o
    /\ 0 < size e /\ forall x, inside x e -> mine (bounds o) x.

(** A region that [t] may use covers the cell. *)
Definition governs (s : state) (t : place) (x : place) : Prop :=
  exists r o, has s t Region r Write /\ objects s r = Some o /\ covers (bounds o) x.

(** ** Links *)

(** The thread waits for no answer and has no message under way. *)
Definition idle (o : object) : Prop :=
  forall q, out o LSend q = false /\ out o LServe q = false /\ out o LSaved q = false.

(** Who may make which link, and with what authority. *)
Inductive may_link (s : state) : subject -> link -> place -> place -> Prop :=
(* create_thread, create_gate, create_context, create_irq, create_space, allowance_split *)
| LinkTable : forall t p q,
    governs s t p -> has s t CapTable q Write -> may_link s (By t) LTable p q
| LinkSpace : forall t p q,
    governs s t p -> has s t AddressSpace q Write -> may_link s (By t) LSpace p q
| LinkTarget : forall t p q k,
    governs s t p -> has s t k q MakeGate -> may_link s (By t) LTarget p q
| LinkAllowance : forall t p q,
    governs s t p -> has s t Allowance q Write -> may_link s (By t) LAllowance p q
(* thread_set_buffer, thread_bind, thread_set_context, irq_bind *)
| LinkBuffer : forall t p q,
    has s t Thread p Write -> has s t Frame q Read -> has s t Frame q Write ->
    may_link s (By t) LBuffer p q
| LinkBound : forall t p q,
    has s t Thread p Write -> has s t Notification q Read -> may_link s (By t) LBound p q
| LinkContext : forall t p q,
    has s t Thread p Write -> has s t SchedulingContext q Write ->
    may_link s (By t) LContext p q
| LinkIrq : forall t p q,
    has s t Irq p Write -> has s t Notification q MakeGate -> may_link s (By t) LIrq p q
(* map, map_range: the mapping remembers whether its capability could write *)
| LinkMap : forall t p q a w c,
    has s t AddressSpace p Write ->
    holds s t c -> cap_kind c = Frame -> cap_place c = q -> cap_rights c Read = true ->
    (w = true -> cap_rights c Write = true) ->
    may_link s (By t) (LMap a w) p q
(* call, send and their kin: the gate's capability stays with the message *)
| LinkSend : forall p q o g c,
    holds s p c -> cap_kind c = Gate -> cap_place c = g -> cap_rights c Send = true ->
    linked s LTarget g q ->
    objects s p = Some o -> idle o -> within (through o) (cap_rights c) ->
    may_link s (By p) LSend p q
| LinkVia : forall p g c,
    holds s p c -> cap_kind c = Gate -> cap_place c = g -> cap_rights c Send = true ->
    may_link s (By p) LVia p g
(* a fault: no capability travels *)
| LinkFault : forall p q o g i og,
    objects s p = Some o -> idle o -> handler o = Some (g, i) ->
    objects s g = Some og -> kind og = Gate -> id og = i -> linked s LTarget g q ->
    within (through o) no_rights ->
    may_link s (By p) LSend p q
| LinkReceive : forall p q,
    has s p Endpoint q Read -> may_link s (By p) LReceive p q
| LinkWait : forall p q,
    has s p Notification q Read -> may_link s (By p) LWait p q
(* a message meets a receiver, which has to answer it *)
| LinkServe : forall who p q e,
    (who = By p \/ who = By q) -> linked s LSend p e -> linked s LReceive q e ->
    (forall x, ~ linked s LServe x q) -> (forall x, ~ linked s LServe p x) ->
    may_link s who LServe p q
(* save_caller *)
| LinkSaved : forall t p q,
    linked s LServe p t -> has s t Reply q Write ->
    (forall x, ~ linked s LSaved x q) -> (forall x, ~ linked s LSaved p x) ->
    may_link s (By t) LSaved p q
| LinkHolder : forall t p,
    has s t Reply p Write -> may_link s (By t) LHolder p t
(* the scheduler: time is lent with every call *)
| LinkLend : forall who p q, may_link s who LLend p q.

(** What a thread waits in, and what it runs on. *)
Definition is_wait (l : link) : bool :=
  match l with
  | LSend | LVia | LReceive | LServe | LSaved | LHolder | LWait | LLend => true
  | _ => false
  end.

Inductive may_unlink (s : state) : subject -> link -> place -> place -> Prop :=
| UnlinkDead : forall who l p q,
    dying s p \/ dying s q -> linked s l p q -> may_unlink s who l p q
(* thread_stop, thread_start, thread_set_buffer; unmap, protect *)
| UnlinkThread : forall t l p q,
    has s t Thread p Write \/ has s t Thread q Write -> linked s l p q ->
    may_unlink s (By t) l p q
| UnlinkMap : forall t a w p q,
    has s t AddressSpace p Write -> linked s (LMap a w) p q -> may_unlink s (By t) (LMap a w) p q
(* whoever waits or is waited for goes on *)
| UnlinkOwn : forall t l p q,
    is_wait l = true -> p = t \/ q = t -> linked s l p q -> may_unlink s (By t) l p q
| UnlinkSender : forall t p e g l q,
    linked s LSend p e -> linked s LReceive t e ->
    l = LSend /\ q = e \/ l = LVia /\ q = g /\ linked s LVia p g ->
    may_unlink s (By t) l p q
| UnlinkReceiver : forall t p e,
    linked s LSend t e \/ linked s LServe t p -> linked s LReceive p e ->
    may_unlink s (By t) LReceive p e
(* reply_to *)
| UnlinkSaved : forall t l p q,
    has s t Reply q Write /\ l = LSaved \/ has s t Reply p Write /\ l = LHolder ->
    linked s l p q -> may_unlink s (By t) l p q
(* signal *)
| UnlinkSignal : forall t g n l p q,
    has s t Gate g Signal -> linked s LTarget g n ->
    l = LWait /\ q = n \/ l = LReceive /\ linked s LBound p n ->
    linked s l p q -> may_unlink s (By t) l p q
(* a deadline, an interrupt, a death *)
| UnlinkTimeOut : forall l p q, is_wait l = true -> may_unlink s Kernel l p q.

(** ** Capabilities on the way *)

(** Capabilities may go from thread [a] to thread [b] now, and who makes them go. *)
Inductive channel (s : state) : subject -> place -> place -> Prop :=
(* with a message, if the gate's capability had the right *)
| ByMessage : forall who a b e oa,
    who = By a \/ who = By b ->
    linked s LSend a e -> linked s LReceive b e ->
    objects s a = Some oa -> through oa Grant = true -> channel s who a b
(* with an answer, if the caller's gate capability had the right *)
| ByReply : forall a b ob,
    linked s LServe b a -> objects s b = Some ob -> through ob GrantReply = true ->
    channel s (By a) a b
| BySavedReply : forall a b ob r,
    linked s LSaved b r -> has s a Reply r Write ->
    objects s b = Some ob -> through ob GrantReply = true ->
    channel s (By a) a b.

(** ** Ends *)

Inductive may_kill (s : state) : subject -> place -> Prop :=
(* destroy *)
| KillHeld : forall t c,
    holds s t c -> cap_rights c Destroy = true -> may_kill s (By t) (cap_place c)
(* reclaim: whatever has a cell in what the region covers *)
| KillInside : forall t p o e x,
    objects s p = Some o -> In e (extents o) -> inside x e -> governs s t x ->
    may_kill s (By t) p
(* what was made from an allowance of time goes with it *)
| KillDependent : forall who p a,
    linked s LAllowance p a -> dying s a -> may_kill s who p.

Inductive may_shed (s : state) : subject -> place -> object -> Prop :=
(* space_withdraw *)
| ShedPool : forall t p o, has s t AddressSpace p Write -> may_shed s (By t) p o
(* a dying table or space gives back what it was given, once no thread uses it *)
| ShedDead : forall who p o,
    id o = 0 -> (forall t, into o LTable t = false /\ into o LSpace t = false) ->
    may_shed s who p o.

Definition no_range : range := Range 0 0 0 false.

(** ** Steps *)

Inductive step (s : state) : subject -> state -> Prop :=
(* capability_copy *)
| Copy : forall t c r T oT n,
    holds s t c ->
    has s t CapTable T Write -> objects s T = Some oT -> slots oT n = None ->
    within r (cap_rights c) ->
    step s (By t) (put s T (with_slot oT n
      (Some (Capability (cap_kind c) r (cap_place c) (cap_id c)))))
(* capability_delete *)
| Delete : forall t T oT n,
    has s t CapTable T Write -> objects s T = Some oT ->
    step s (By t) (put s T (with_slot oT n None))
(* a capability comes with a message or an answer, into the window of who waits *)
| Pass : forall who a b c ob T oT n,
    owns s a c -> channel s who a b ->
    objects s b = Some ob -> kind ob = Thread -> out ob LTable T = true -> window ob n = true ->
    objects s T = Some oT -> slots oT n = None ->
    step s who (put s T (with_slot oT n (Some c)))
(* create_*: its links follow *)
| Make : forall t k p es r T oT n,
    k <> Region -> k <> Platform ->
    objects s p = None ->
    (exists size rest, es = Extent p size :: rest) ->
    (forall e, In e es -> may_fill s t e) ->
    (forall e, In e es -> free s e) ->
    has s t CapTable T Write -> objects s T = Some oT -> slots oT n = None ->
    within r (created k) ->
    step s (By t) (count (put (put s T (with_slot oT n (Some (Capability k r p (next_id s)))))
      p (fresh (next_id s) k es no_range)))
(* region_split: the new region has its object in the first cell of its own range *)
| Split : forall t R oR x T oT n b,
    has s t Region R Write -> objects s R = Some oR -> bounds oR = b ->
    device b = false -> base b < x < limit b ->
    free s (Extent x (limit b - x)) ->
    objects s x = None ->
    has s t CapTable T Write -> objects s T = Some oT -> slots oT n = None ->
    step s (By t) (count (put (put (put s
        R (with_bounds oR (Range (base b) x (last b) false)))
        T (with_slot oT n (Some (Capability Region (created Region) x (next_id s)))))
        x (fresh (next_id s) Region [Extent x 1] (Range x (limit b) (limit b) false))))
(* region_merge *)
| Merge : forall t R oR n b,
    has s t Region R Write -> objects s R = Some oR -> bounds oR = b ->
    0 < n -> limit b + n <= last b ->
    free s (Extent (limit b) n) ->
    step s (By t) (put s R (with_bounds oR (Range (base b) (limit b + n) (last b) (device b))))
(* table_extend, space_donate *)
| Extend : forall t k p o e,
    has s t k p Write -> k = CapTable \/ k = AddressSpace -> objects s p = Some o ->
    may_fill s t e -> free s e ->
    step s (By t) (put s p (with_extents o (extents o ++ [e])))
| Shed : forall who p o h es e es',
    objects s p = Some o -> extents o = h :: es ++ e :: es' -> may_shed s who p o ->
    step s who (put s p (with_extents o (h :: es ++ es')))
(* destroy, reclaim: the mark *)
| Kill : forall who p o,
    objects s p = Some o -> may_kill s who p -> step s who (put s p (with_id o 0))
(* the end of its way through the drain list: memory is reused only from here on *)
| Free : forall who p o,
    objects s p = Some o -> id o = 0 ->
    (forall l q, out o l q = false) ->
    (forall l q, into o l q = false) ->
    given o = None ->
    step s who (remove s p)
| Link : forall who l p q op oq,
    objects s p = Some op -> objects s q = Some oq -> p <> q ->
    id op <> 0 -> id oq <> 0 ->
    may_link s who l p q ->
    step s who (relink s l p q op oq true)
| Unlink : forall who l p q op oq,
    objects s p = Some op -> objects s q = Some oq -> p <> q ->
    may_unlink s who l p q ->
    step s who (relink s l p q op oq false)
(* the beginning of a message call: what it is sent with, and where capabilities may come *)
| Offer : forall p o r w,
    objects s p = Some o -> idle o -> step s (By p) (put s p (with_offer o r w))
(* thread_set_handler *)
| SetHandler : forall t p o c,
    has s t Thread p Write -> objects s p = Some o ->
    holds s t c -> cap_kind c = Gate -> cap_rights c Send = true ->
    step s (By t) (put s p (with_handler o (Some (cap_place c, cap_id c))))
(* frame_give, device_confirm_reset *)
| Give : forall t p o d,
    has s t Frame p Read -> has s t Frame p Write -> has s t Frame d Write ->
    objects s p = Some o -> given o = None ->
    step s (By t) (put s p (with_given o (Some d)))
| Confirm : forall t p o d,
    has s t Frame d Destroy -> objects s p = Some o -> id o = 0 -> given o = Some d ->
    step s (By t) (put s p (with_given o None))
(* every call that changes none of this: refusals, inspections, registers, time *)
| Work : forall who, step s who s.

(** Any number of steps, by anybody. *)
Inductive run (s : state) : state -> Prop :=
| Here : run s s
| On : forall s' who s'', run s s' -> step s' who s'' -> run s s''.

Lemma run_trans : forall s s' s'', run s s' -> run s' s'' -> run s s''.
Proof. intros s s' s'' H H'; induction H'; eauto using run. Qed.

(** What every step keeps, every run keeps. *)
Lemma run_keeps : forall (P : state -> Prop),
  (forall s who s', P s -> step s who s' -> P s') ->
  forall s s', P s -> run s s' -> P s'.
Proof. intros P H s s' HP HR; induction HR; eauto. Qed.
