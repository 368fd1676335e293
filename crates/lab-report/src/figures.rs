//! The figures of an experiment: sequence diagrams of its connections, and plots.

use lab_packets::diagram::Diagram;
use lab_testbed::facts::{Experiment, Measurements, Scenario};
use labnet::net::Family;

use crate::{plot, sheet::Figure};

/// The figures of one experiment, in the order of the page.
pub(crate) fn of(experiment: &Experiment, measured: &Measurements) -> Vec<Figure> {
    let name = experiment.scenario.name();
    let mut figures: Vec<Figure> =
        experiment.diagrams.iter().enumerate().map(|(number, diagram)| sequence(name, number, diagram)).collect();
    match experiment.scenario {
        Scenario::Flood => {
            let floods = measured.floods.measured().map(Vec::as_slice).unwrap_or_default();
            if let Some(flood) = floods.first() {
                let arrivals: Vec<(f64, u64)> =
                    flood.arrivals.iter().map(|arrival| (arrival.at.as_secs_f64(), arrival.bytes)).collect();
                figures.push(plot::steps("part2-flood-arrivals", "the flood", &arrivals));
                figures.push(plot::bars("part2-flood-recv-calls", floods));
            }
        }
        Scenario::Series(family) => {
            let [ipv4, ipv6] = &measured.series;
            let series = if family == Family::Ipv4 { ipv4 } else { ipv6 };
            figures.extend(series.measured().map(|series| plot::histogram(name, series)));
        }
        _ => {}
    }
    figures
}

fn sequence(name: &str, number: usize, diagram: &Diagram) -> Figure {
    let prefix = format!("{}-{number}", name.replace('.', "-"));
    let caption = format!("{}, packet by packet as captured", diagram.title);
    Figure { caption, svg: diagram.to_svg(&prefix), text: diagram.to_text() }
}
