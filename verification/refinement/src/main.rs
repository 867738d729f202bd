//! The command.
use pecan_refinement::configuration::ALL;
use pecan_refinement::explore::{Bound, explore};

fn main() {
    let states = std::env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(1000);
    let only = std::env::args().nth(2).unwrap_or_default();
    for configuration in ALL.iter().filter(|it| it.name.contains(&only)) {
        let start = std::time::Instant::now();
        let summary = explore(configuration, Bound { states, workers: 2 });
        println!(
            "{}: {} transitions, {} refused, {} states, depth {}, complete {}, {:?}",
            configuration.name, summary.transitions, summary.refused, summary.states, summary.depth,
            summary.is_complete, start.elapsed()
        );
        for failure in summary.failures {
            println!("  {}", failure.what);
            for action in failure.path {
                println!("    {action:?}");
            }
        }
    }
}
