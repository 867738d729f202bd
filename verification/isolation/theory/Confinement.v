(** Authority confinement: whatever anybody does, a capability comes to a partition only along a
    chain of grants that was there at the beginning. *)

From Coq Require Import Arith List.
From Isolation Require Import Capability State Step Identity Links Policy.

Section Confinement.

Variable L : Type.
Variable label : place -> L.

Local Notation policy := (policy L).
Local Notation confined := (confined L label).

(** ** Chains of grants

    The least closed policy that allows what there is at the beginning: a capability may come to a
    partition only if this says how. *)

Section Chains.

Variable s : state.

Inductive chain_flow : L -> L -> Prop :=
| ChainRefl : forall a, chain_flow a a
| ChainTrans : forall a b c, chain_flow a b -> chain_flow b c -> chain_flow a c
(* links that there are *)
| ChainTable : forall p q op oq, objects s p = Some op -> objects s q = Some oq ->
    out op LTable q = true -> chain_flow (label p) (label q)
| ChainTableBack : forall p q op oq, objects s p = Some op -> objects s q = Some oq ->
    out op LTable q = true -> chain_flow (label q) (label p)
| ChainTarget : forall l p q op oq, objects s p = Some op -> objects s q = Some oq ->
    out op l q = true -> l = LTarget \/ l = LReceive -> kind oq = Endpoint ->
    chain_flow (label p) (label q)
| ChainTargetBack : forall l p q op oq, objects s p = Some op -> objects s q = Some oq ->
    out op l q = true -> l = LTarget \/ l = LReceive -> kind oq = Endpoint ->
    chain_flow (label q) (label p)
| ChainSend : forall p q op oq, objects s p = Some op -> objects s q = Some oq ->
    out op LSend q = true -> kind oq = Endpoint -> through op Grant = true ->
    chain_flow (label p) (label q)
| ChainAnswer : forall l p q op oq, objects s p = Some op -> objects s q = Some oq ->
    out op l q = true -> l = LSend /\ kind oq = Endpoint \/ l = LServe \/ l = LSaved ->
    through op GrantReply = true -> chain_flow (label q) (label p)
(* authority that there may be *)
| ChainHeld : forall a b k r, chain_may a b k r ->
    k = Region /\ r Write = true \/ k = CapTable /\ r Write = true
    \/ k = Reply /\ r Write = true \/ k = Endpoint /\ (r Read = true \/ r MakeGate = true)
    \/ k = Gate /\ r Grant = true ->
    chain_flow a b
| ChainHeldBack : forall a b k r, chain_may a b k r ->
    k = Region /\ r Write = true \/ k = CapTable /\ r Write = true
    \/ k = Reply /\ r Write = true \/ k = Endpoint /\ (r Read = true \/ r MakeGate = true)
    \/ k = Gate /\ r GrantReply = true ->
    chain_flow b a

with chain_may : L -> L -> kind_name -> rights -> Prop :=
(* what is there *)
| ChainHere : forall T o n c, objects s T = Some o -> slots o n = Some c -> live s c ->
    chain_may (label T) (label (cap_place c)) (cap_kind c) (cap_rights c)
| ChainCovers : forall T o n c oR x, objects s T = Some o -> slots o n = Some c -> live s c ->
    cap_kind c = Region -> objects s (cap_place c) = Some oR -> covers (bounds oR) x ->
    chain_may (label T) (label x) Region (cap_rights c)
(* copied, granted, made *)
| ChainLess : forall a b k r r', chain_may a b k r -> within r' r -> chain_may a b k r'
| ChainGrant : forall a a' b k r, chain_may a b k r -> chain_flow a a' -> chain_may a' b k r
| ChainCreate : forall a b r k, chain_may a b Region r -> r Write = true ->
    chain_may a b k (created k).

Definition chains : policy := Policy chain_flow chain_may.

Lemma chains_closed : closed chains.
Proof.
  constructor; simpl; intros; try (split; intros);
    eauto using ChainRefl, ChainTrans, ChainLess, ChainGrant, ChainCreate;
    first [ eapply ChainHeld; [eassumption|tauto] | eapply ChainHeldBack; [eassumption|tauto] ].
Qed.

Lemma chains_confine : confined chains s.
Proof.
  constructor.
  - intros T o n c HT Hn HL; split; simpl; eauto using ChainHere, ChainCovers.
  - intros l p q op oq Hp Hq Hl.
    assert (E : l = LTarget \/ l = LReceive -> kind oq = Endpoint ->
      chain_flow (label p) (label q) /\ chain_flow (label q) (label p))
      by (intros; split; [eapply ChainTarget | eapply ChainTargetBack]; eauto).
    assert (A : l = LSend /\ kind oq = Endpoint \/ l = LServe \/ l = LSaved ->
      through op GrantReply = true ->
      chain_flow (label q) (label p)) by (intros; eapply ChainAnswer; eauto).
    destruct l; simpl; auto; repeat split; intros;
      eauto using ChainTable, ChainTableBack, ChainSend.
Qed.

Scheme chain_flow_both := Induction for chain_flow Sort Prop
  with chain_may_both := Induction for chain_may Sort Prop.
Combined Scheme chains_ind from chain_flow_both, chain_may_both.

(** It is the least: any closed policy that allows what there is allows all chains. *)
Theorem chains_are_least : forall P, closed P -> confined P s ->
  (forall a b, chain_flow a b -> flow P a b)
  /\ (forall a b k r, chain_may a b k r -> may P a b k r).
Proof.
  intros P C F.
  enough (K : (forall a b (H : chain_flow a b), flow P a b)
    /\ (forall a b k r (H : chain_may a b k r), may P a b k r)) by (split; apply K).
  apply chains_ind; intros.
  - apply (flow_refl _ C).
  - eapply (flow_trans _ C); eauto.
  - apply (links_allowed _ _ F _ _ _ _ _ e e0 e1).
  - apply (links_allowed _ _ F _ _ _ _ _ e e0 e1).
  - pose proof (links_allowed _ _ F _ _ _ _ _ e e0 e1) as A.
    destruct o; subst l; apply A; auto.
  - pose proof (links_allowed _ _ F _ _ _ _ _ e e0 e1) as A.
    destruct o; subst l; apply A; auto.
  - apply (links_allowed _ _ F _ _ _ _ _ e e0 e1); auto.
  - pose proof (links_allowed _ _ F _ _ _ _ _ e e0 e1) as A.
    destruct o as [[]|[|]]; subst l; apply A; auto.
  - destruct o as [[-> W]|[[-> W]|[[-> W]|[[-> W]|[-> W]]]]].
    + apply (region_flow _ C _ _ _ H W).
    + apply (table_flow _ C _ _ _ H W).
    + apply (answer_flow _ C _ _ _ H W).
    + apply (receive_flow _ C _ _ _ H W).
    + apply (grant_flow _ C _ _ _ H W).
  - destruct o as [[-> W]|[[-> W]|[[-> W]|[[-> W]|[-> W]]]]].
    + apply (region_flow _ C _ _ _ H W).
    + apply (table_flow _ C _ _ _ H W).
    + apply (answer_flow _ C _ _ _ H W).
    + apply (receive_flow _ C _ _ _ H W).
    + apply (reply_flow _ C _ _ _ H W).
  - apply (capabilities_allowed _ _ F _ _ _ _ e e0 l).
  - eapply (capabilities_allowed _ _ F _ _ _ _ e e0 l); eauto.
  - eapply (may_less _ C); eauto.
  - eapply (may_flow _ C); eauto.
  - eapply (may_create _ C); eauto.
Qed.

End Chains.

(** ** The theorems *)

(** Authority confinement: after any run, whatever capability stands in whatever table, a chain of
    grants of the initial state leads from what it names to the partition of the table. *)
Theorem authority_confined : forall s s' T o n c, sound s -> run s s' ->
  objects s' T = Some o -> slots o n = Some c -> live s' c ->
  chain_may s (label T) (label (cap_place c)) (cap_kind c) (cap_rights c).
Proof.
  intros s s' T o n c S H HT Hn HL.
  destruct (confined_run _ (chains_closed s) _ _ S (chains_confine s) H) as [_ F].
  apply (capabilities_allowed _ _ F _ _ _ _ HT Hn HL).
Qed.

(** The same for a policy that somebody wrote down, such as the graph that the system builder draws:
    closed, and true at the beginning, it is true for ever. *)
Theorem policy_kept : forall P s s', closed P -> sound s -> confined P s -> run s s' ->
  forall t k p x, has s' t k p x -> exists r, may P (label t) (label p) k r /\ r x = true.
Proof.
  intros P s s' C S F H t k p x Hh.
  destruct (confined_run _ C _ _ S F H) as [_ F']. eapply has_may; eauto.
Qed.

(** ** Two policies, as examples of what follows *)

(** Nothing crosses: neither capabilities nor links. *)
Definition apart (inner : L -> Prop) : policy :=
  Policy (fun a b => inner a <-> inner b) (fun a b _ _ => inner a <-> inner b).

Theorem sealed_stays_sealed : forall inner s s' T o n c, sound s -> confined (apart inner) s ->
  run s s' -> objects s' T = Some o -> slots o n = Some c -> live s' c ->
  (inner (label T) <-> inner (label (cap_place c))).
Proof.
  intros inner s s' T o n c S F H HT Hn HL.
  assert (C : closed (apart inner)) by (constructor; simpl; intros; try split; tauto).
  destruct (confined_run _ C _ _ S F H) as [_ F'].
  apply (capabilities_allowed _ _ F' _ _ _ _ HT Hn HL).
Qed.

(** Clients that only have gates without the rights to grant call their servers for ever, and no
    capability goes either way. *)
Definition only_calls (r : rights) : Prop := forall x, r x = true -> x = Send.

Definition clients_and_servers : policy :=
  Policy (fun a b => a = b) (fun a b k r => a = b \/ k = Gate /\ only_calls r).

Theorem calls_carry_no_authority : forall s s' T o n c, sound s ->
  confined clients_and_servers s -> run s s' ->
  objects s' T = Some o -> slots o n = Some c -> live s' c ->
  label T = label (cap_place c) \/ cap_kind c = Gate /\ only_calls (cap_rights c).
Proof.
  intros s s' T o n c S F H HT Hn HL.
  assert (C : closed clients_and_servers).
  { constructor; simpl; intros; subst; auto.
    - destruct H0 as [->|[-> O]]; auto. right; split; auto. intros x Hx; auto.
    - destruct H0 as [->|[E _]]; [auto|discriminate].
    - destruct H0 as [->|[E _]]; [auto|discriminate].
    - destruct H0 as [->|[E _]]; [auto|discriminate].
    - destruct H0 as [->|[_ O]]; auto. apply O in H1; discriminate.
    - destruct H0 as [->|[_ O]]; auto. apply O in H1; discriminate.
    - destruct H0 as [->|[E _]]; [auto|discriminate].
    - destruct H0 as [->|[E _]]; [auto|discriminate]. }
  destruct (confined_run _ C _ _ S F H) as [_ F'].
  apply (capabilities_allowed _ _ F' _ _ _ _ HT Hn HL).
Qed.

End Confinement.
