//! What the visitor does.

mod capability;
mod death;
mod refusal;
mod session;

use test_kit::Fact;

use crate::visit::Visitor;

/// A case.
pub(crate) type Case = fn(&mut Visitor) -> Fact;

/// All of them, in this order: the last end processes.
pub(crate) const ALL: &[(&str, Case)] = &[
    ("capability_arrives_and_comes_back", capability::round_trip),
    ("four_capabilities_travel_beside_text", capability::four),
    ("capability_travels_one_way", capability::one_way),
    (
        "capability_outlives_that_of_its_sender",
        capability::outlives,
    ),
    ("dead_object_is_not_sent", capability::dead),
    (
        "gate_that_was_given_is_not_waited_for_long",
        capability::patience,
    ),
    ("wrong_count_is_refused", refusal::count),
    ("wrong_kind_is_refused", refusal::kind),
    ("what_the_kernel_does_not_pass_is_refused", refusal::kernel),
    ("gate_without_rights_passes_nothing", refusal::rights),
    ("stranger_gets_no_capability", refusal::stranger),
    ("vault_without_slots_says_so", refusal::slots),
    ("box_is_its_clients_own", session::own),
    ("dropped_gate_ends_its_session", session::dropped),
    ("closed_session_is_dead_for_good", session::closed),
    ("session_tells_its_schema", session::schema),
    ("one_session_too_many_in_all", session::too_many),
    ("folder_opens_boxes_and_keeps_memory", session::folder),
    ("session_of_who_gave_up_is_over", session::gave_up),
    ("thousands_of_sessions_leave_nothing", session::thousands),
    ("sessions_end_with_their_client", death::guest),
    (
        "one_session_too_many_of_a_client",
        session::too_many_of_client,
    ),
    ("random_messages_leave_nothing", death::random),
    ("clients_die_over_and_over", death::many_guests),
    ("sessions_end_with_their_server", death::server),
];
