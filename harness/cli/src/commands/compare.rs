//! `bench compare`: targets of two runs, or of one, held against each other.

use analysis::between::{Ask, ReferenceAsk, RunComparison, between};
use analysis::compare::Policy;
use model::record::verdict::ComparisonVerdict;
use report::charts::{ratios_png, ratios_svg};

use crate::args::compare::CompareArgs;
use crate::exit::Exit;
use crate::terminal::show_between;
use process::failure::Failure;
use runner::stored::read_run;

/// The usual level: targets that are alike are called different one time in twenty at most.
const ALPHA: f64 = 0.05;

/// Compares, and prints what it comes to.
pub(crate) fn run(args: &CompareArgs) -> Result<Exit, Failure> {
    let (base, head) = (read_run(&args.base_run)?, read_run(&args.head_run)?);
    let policy = Policy::new(args.margin / 100.0, ALPHA, base.seed).map_err(Failure::usage_of)?;
    let ask = Ask {
        base: args.base.clone(),
        head: args.head.clone(),
        reference: match &args.reference {
            _ if args.no_reference => ReferenceAsk::No,
            Some(name) => ReferenceAsk::Named(name.clone()),
            None => ReferenceAsk::Any,
        },
        force: args.force,
    };
    let told = between(&base, &head, &ask, &policy).map_err(Failure::usage_of)?;
    if let Some(picture) = &args.chart {
        let bytes = picture.format.draw(
            || ratios_svg(&told, &base, &head),
            || ratios_png(&told, &base, &head),
        )?;
        picture.write(&bytes)?;
    }
    if args.json {
        let json = serde_json::to_string_pretty(&told).expect("a comparison is plain data");
        anstream::println!("{json}");
    } else if args.markdown {
        anstream::print!("{}", report::markdown::between::markdown(&told));
    } else {
        show_between(&told);
    }
    Ok(if args.require_verdict && lacks_verdict(&told) {
        Exit::Inconclusive
    } else {
        Exit::Success
    })
}

fn lacks_verdict(told: &RunComparison) -> bool {
    let inconclusive = ComparisonVerdict::Inconclusive;
    let mut verdicts = told.comparisons.iter().map(|comparison| comparison.verdict);
    told.comparisons.is_empty() || verdicts.any(|verdict| verdict == inconclusive)
}
