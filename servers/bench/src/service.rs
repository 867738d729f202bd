//! The service: figures by number.

use ipc_abi::service::bench::{Bench, BenchError, Figure, FigureName, Unit};

use crate::figure::{FIGURES, operations_of};
use crate::measure::Gauge;
use crate::rig::{Grants, Rig};

/// The bench program's server.
#[derive(Debug)]
pub struct Server {
    grants: Grants,
    gauge: Gauge,
    /// Made at the first measurement, so that nothing is made for those who never measure.
    rig: Option<Result<Rig, BenchError>>,
}

impl Server {
    /// Makes a server that has measured nothing yet.
    #[must_use]
    pub const fn new(grants: Grants, gauge: Gauge) -> Server {
        Server {
            grants,
            gauge,
            rig: None,
        }
    }
}

impl Bench for Server {
    fn count(&mut self) -> u32 {
        u32::try_from(FIGURES.len()).unwrap_or(u32::MAX)
    }

    fn name(&mut self, figure: u32) -> Result<FigureName, BenchError> {
        let (name, _) = find(figure)?;
        FigureName::try_from(*name).map_err(|_| BenchError::NoFigure)
    }

    fn measure(&mut self, figure: u32) -> Result<Figure, BenchError> {
        let (name, measurement) = find(figure)?;
        let rig = self.rig.get_or_insert_with(|| Rig::build(&mut self.grants));
        let rig = rig.as_mut().map_err(|error| *error)?;
        let summary = measurement(rig)?
            .less(self.gauge.overhead)
            .per(operations_of(name));
        Ok(Figure {
            min: summary.min,
            median: summary.median,
            max: summary.max,
        })
    }

    fn unit(&mut self) -> Unit {
        self.gauge.unit
    }
}

fn find(figure: u32) -> Result<&'static (&'static str, crate::figure::Measurement), BenchError> {
    let index = usize::try_from(figure).map_err(|_| BenchError::NoFigure)?;
    FIGURES.get(index).ok_or(BenchError::NoFigure)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::Summary;
    use ipc_abi::interface::{Failure, Local};
    use ipc_abi::service::bench::{BenchClient, BenchInterface, Grant};
    use ipc_abi::startup::SlotRange;

    fn client() -> BenchClient<Local<BenchInterface, Server>> {
        let grants = Grants {
            table: 1,
            slots: SlotRange::default(),
            memory: None,
            time: None,
            space: None,
            partner: None,
            ring: None,
            source: None,
        };
        let nothing = Summary {
            min: 1,
            median: 1,
            max: 1,
        };
        let gauge = Gauge {
            overhead: nothing.overhead(),
            unit: Unit::Instructions,
        };
        BenchClient::new(Local::new(Server::new(grants, gauge)))
    }

    #[test]
    fn figures_have_names_and_one_past_the_last_has_none() {
        let mut client = client();
        let count = client.count().expect("an answer");
        assert_eq!(client.name(0).expect("a name"), "ipc/call-reply/0-words");
        assert!(client.name(count - 1).is_ok());
        assert_eq!(
            client.name(count),
            Err(Failure::Service(BenchError::NoFigure))
        );
        assert_eq!(
            client.measure(count),
            Err(Failure::Service(BenchError::NoFigure))
        );
        assert_eq!(client.unit(), Ok(Unit::Instructions));
    }

    #[test]
    fn what_is_not_granted_is_named() {
        let refusal = Err(Failure::Service(BenchError::NotGranted(Grant::Memory)));
        assert_eq!(client().measure(0), refusal);
    }
}
