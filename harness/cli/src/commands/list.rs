//! `bench list`: what there is to run.

use model::spec::scenario::{BUILT_IN as SCENARIOS, Scenario};
use model::spec::target::{BUILT_IN as TARGETS, TargetSpec};

use crate::args::list::{ListArgs, Listing};
use crate::exit::Exit;
use crate::output::say;
use crate::terminal::print_columns;
use process::failure::Failure;

/// Prints names and what they are, one a line.
pub(crate) fn run(args: &ListArgs) -> Result<Exit, Failure> {
    let listings = match args.what {
        Some(one) => vec![one],
        None => vec![Listing::Scenarios, Listing::Targets, Listing::Routes],
    };
    for (index, &listing) in listings.iter().enumerate() {
        if args.what.is_none() {
            let gap = if index == 0 { "" } else { "\n" };
            say!("{gap}{}:", title(listing));
        }
        print_columns(&rows(listing)?);
    }
    Ok(Exit::Success)
}

fn title(listing: Listing) -> &'static str {
    match listing {
        Listing::Scenarios => "Scenarios (bench run --scenario NAME)",
        Listing::Targets => "Targets (bench run --target NAME)",
        Listing::Routes => "Routes (what every target serves)",
        Listing::Cases => "Cases (what bench check asks)",
    }
}

fn rows(listing: Listing) -> Result<Vec<(String, String)>, Failure> {
    match listing {
        Listing::Scenarios => SCENARIOS
            .iter()
            .map(|(name, _)| {
                let scenario = Scenario::built_in(name).map_err(Failure::usage_of)?;
                Ok(((*name).to_owned(), scenario.question))
            })
            .collect(),
        Listing::Targets => TARGETS
            .iter()
            .map(|(name, _)| {
                let target = TargetSpec::parse(name).map_err(Failure::usage_of)?;
                let manifest = target.kind.manifest();
                let description = manifest.map(|manifest| manifest.description.clone());
                Ok(((*name).to_owned(), description.unwrap_or_default()))
            })
            .collect(),
        Listing::Routes => Ok(spec::Route::KNOWN
            .iter()
            .map(|route| ((*route).to_owned(), String::new()))
            .collect()),
        Listing::Cases => Ok(conformance::ids()
            .into_iter()
            .map(|id| (id, String::new()))
            .collect()),
    }
}
