//! `lucarne apply FILE` and `lucarne export`: people, workstations and papers as a file.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use super::declared::{Declared, Held, Step};
use super::print::print;
use super::session::{Node, Terminal};
use super::settings::{Settings, compare};
use crate::node::act::{Act, Outcome};

/// There is a difference, or something of it could not be done.
const DIFFERS: u8 = 5;

/// All that a node holds of it; or the answer that kept it from being told.
async fn held(terminal: &Terminal<'_>) -> Result<Result<Held, Outcome>> {
    let oneself = terminal.login();
    let mut held = Held { oneself, ..Held::default() };
    let lists = [Act::ListAccounts { after: None }, Act::ListWorkstations { after: None }, Act::ListPapers, Act::ListRequests];
    for list in lists {
        let mut next = Some(list);
        while let Some(act) = next {
            let outcome = terminal.ask(act).await?;
            next = outcome.next_page();
            match outcome {
                Outcome::Accounts { accounts, .. } => held.accounts.extend(accounts.into_iter().map(|listed| listed.account)),
                Outcome::Workstations { workstations, .. } => held.workstations.extend(workstations),
                Outcome::Papers { papers, unapproved, settings } => {
                    (held.papers, held.unapproved, held.settings) = (papers, unapproved, settings);
                }
                Outcome::Requests { requests } => held.requests = requests.into_iter().map(|waiting| waiting.request).collect(),
                other => return Ok(Err(other)),
            }
        }
    }
    Ok(Ok(held))
}

pub(super) async fn export(terminal: &Terminal<'_>) -> Result<ExitCode> {
    match held(terminal).await? {
        Ok(held) => {
            if let Node::Here { file, .. } = &terminal.node {
                let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
                println!("settings = {}\n", quoted(&text));
            }
            print!("{}", toml::to_string(&Declared::of(&held))?);
            Ok(ExitCode::SUCCESS)
        }
        Err(outcome) => print(&outcome, terminal.out),
    }
}

/// A text in TOML, as it stands where that can be.
fn quoted(text: &str) -> String {
    let is_plain = !text.contains("'''") && !text.contains('\r');
    if is_plain { format!("'''\n{text}'''") } else { toml::Value::from(text).to_string() }
}

/// How a file is applied.
#[derive(Clone, Copy)]
pub(super) struct How {
    /// Show what differs, and do nothing.
    pub check: bool,
    /// Without asking.
    pub yes: bool,
    /// Disable and retire what the file does not name.
    pub prune: bool,
}

pub(super) async fn apply(terminal: &Terminal<'_>, file: &Path, how: How) -> Result<ExitCode> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let wanted = Declared::read(&text).map_err(|wrong| anyhow::anyhow!("{} cannot be applied: {wrong}", file.display()))?;
    let held = match held(terminal).await? {
        Ok(held) => held,
        Err(outcome) => return print(&outcome, terminal.out),
    };
    let news = settings(&terminal.node, &wanted, &held)?;
    let steps = wanted.differs_from(&held, how.prune);
    let (mut orders, differs) = (Vec::new(), !steps.is_empty() || !matches!(news, Settings::Same));
    for step in steps {
        match step {
            Step::Order { what, act } => {
                println!("+ {what}");
                orders.push((what, act));
            }
            Step::Waits { what, request } => println!("  {what}: waits for a second person as {request}"),
            Step::Note(note) => println!("! {note}"),
        }
    }
    let news = if let Settings::News(news) = news { Some(news) } else { None };
    let count = orders.len() + usize::from(news.is_some());
    if count == 0 {
        println!("there is nothing to order");
    }
    if how.check {
        return Ok(if differs { ExitCode::from(DIFFERS) } else { ExitCode::SUCCESS });
    }
    if count == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    if !how.yes && !agreed(count)? {
        println!("nothing was done");
        return Ok(ExitCode::from(DIFFERS));
    }
    if let Some(news) = news {
        let before = news.write()?;
        println!("written   the settings; those of before are in {}. Restart the node, then apply again", before.display());
    }
    let mut all_done = true;
    for (what, act) in orders {
        all_done &= one(terminal, &what, *act).await?;
    }
    Ok(if all_done { ExitCode::SUCCESS } else { ExitCode::from(DIFFERS) })
}

/// What there is to do about the node's settings, shown.
fn settings(node: &Node, wanted: &Declared, held: &Held) -> Result<Settings> {
    let settings = compare(node, wanted.settings.as_deref(), &held.settings)?;
    match &settings {
        Settings::Same => {}
        Settings::Note(note) => println!("! {note}"),
        Settings::News(news) => {
            println!("+ the node has other settings:");
            news.lines.iter().for_each(|line| println!("    {line}"));
        }
    }
    Ok(settings)
}

fn agreed(count: usize) -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("nobody is there to ask: look with --check, then say --yes");
    }
    print!("Order these {count}? [y/N] ");
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(["y", "yes", "o", "oui"].contains(&answer.trim().to_lowercase().as_str()))
}

/// Whether it was done, or asked for.
async fn one(terminal: &Terminal<'_>, what: &str, act: Act) -> Result<bool> {
    let outcome = terminal.ask(act).await?;
    match &outcome {
        Outcome::Asked { request, half } => {
            println!("asked     {what}: another person approves it: lucarne request approve {request}");
            if let Some(half) = half {
                println!("half      {half}      (of the one-time code: give it to the person yourself)");
            }
        }
        Outcome::Done { .. } => println!("done      {what}"),
        Outcome::Refused { message, .. } | Outcome::NotDone { message } | Outcome::Failed { message } => {
            eprintln!("lucarne: {what}: {message}");
            return Ok(false);
        }
        _ => {}
    }
    Ok(true)
}
