//! What people read of a node's answers.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::Value;
use time::macros::format_description;

use crate::governance::compliance::{Commitment, Standing};
use crate::governance::incident::Duty;
use crate::governance::{Role, Token, Verdict, Workstation};
use crate::node::act::{Case, Due, Frozen, Listed, Outcome, Planned, Rule, Site, Waiting, Watcher};

/// How answers are printed.
#[derive(Clone, Copy)]
pub(super) struct Output {
    pub json: bool,
}

pub(super) fn print(outcome: &Outcome, out: Output) -> Result<ExitCode> {
    if out.json {
        println!("{}", serde_json::to_string(outcome)?);
        return Ok(exit(outcome));
    }
    match outcome {
        Outcome::Done { message } => println!("{}", plain(message)),
        Outcome::NotDone { message } | Outcome::Failed { message } | Outcome::Refused { message, .. } => {
            eprintln!("lucarne: {}", plain(message));
        }
        Outcome::Token { token, secret } => {
            println!(
                "token     {token}\nsecret    {}      (told once: LUCARNE_TOKEN, or Authorization: Bearer)",
                secret.as_str()
            );
        }
        Outcome::Enrolled { login, secret, url, recovery } => enrolled(login, secret, url, recovery),
        Outcome::Welcome { name, roles, password_days, owes_charter, .. } => {
            println!("welcome, {name} ({})", roles.iter().map(Role::name).collect::<Vec<_>>().join(", "));
            if *owes_charter {
                println!("note      read the charter in force, then say so: lucarne charter FILE");
            }
            password_note(*password_days);
        }
        Outcome::Person { account, .. } => println!("{} ({}) {}", account.login.as_str(), roles(account), account.name),
        Outcome::Asked { request, half } => {
            println!("asked     {request}; another person approves it: lucarne request approve {request}");
            if let Some(half) = half {
                println!(
                    "half      {half}      (the person's one-time code is both halves, one after the other: give it to them yourself)"
                );
            }
        }
        Outcome::Approved { message, half } => {
            println!("{message}");
            if let Some(half) = half {
                println!("half      {half}      (the other half of the one-time code, 24 hours: give it to them yourself)");
            }
        }
        Outcome::Planned { engagement } => println!("planned   {engagement}"),
        Outcome::Posted { letter } => println!("recorded; the letter to be posted is in {letter}"),
        Outcome::Reported { incident, told, kept_back } => {
            println!(
                "reported  {incident}; {told} people or programs are told now. Those who take care of it: lucarne incident list"
            );
            if *kept_back > 0 {
                println!("! {kept_back} are NOT told: you reported ten within the hour. Telephone");
            }
        }
        Outcome::Alerted { mailed, without_address, webhook } => alerted(mailed, without_address, *webhook),
        Outcome::Ticket { login, secret, short, expires, password_days } => {
            println!("user      {login}");
            println!("ticket    {secret}      (until {expires}, once)");
            if let Some(short) = short {
                println!("short     {short}");
            }
            password_note(*password_days);
        }
        list => listed(list),
    }
    Ok(exit(outcome))
}

/// A node elsewhere may say anything: nothing of it orders the terminal about.
fn plain(message: &str) -> String {
    message.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

/// What answers by more than one line.
fn listed(outcome: &Outcome) {
    match outcome {
        Outcome::Requests { requests } => each(requests, waiting),
        Outcome::Accounts { accounts, .. } => each(accounts, account),
        Outcome::Engagements { engagements, .. } => each(engagements, engagement),
        Outcome::Checklist { state, checks } => {
            println!("{state:?}");
            checks.iter().for_each(rule);
        }
        Outcome::Incidents { incidents, .. } => each(incidents, incident),
        Outcome::Workstations { workstations, .. } => each(workstations, workstation),
        Outcome::Papers { papers, unapproved, .. } => {
            each(papers, |(paperwork, paper)| {
                println!("{:<10} {:<12} {}", paperwork.name(), paper.version, paper.sha256);
            });
            unapproved.iter().for_each(|site| println!("! {site}: its settings are not approved: lucarne site approve {site}"));
        }
        Outcome::Freezes { freezes } => each(freezes, frozen),
        Outcome::Alerts { alerts } => each(alerts, due),
        Outcome::Compliance { clauses } => compliance(clauses),
        Outcome::Sites { sites } => each(sites, site),
        Outcome::Tokens { tokens } => each(tokens, token),
        _ => {}
    }
}

/// Each of a list; that there is none is said too.
fn each<'a, T: 'a>(list: impl IntoIterator<Item = &'a T, IntoIter: ExactSizeIterator>, print: impl Fn(&T)) {
    let list = list.into_iter();
    if list.len() == 0 {
        println!("none");
    }
    list.for_each(print);
}

/// What scripts learn from how a command ends.
pub(super) const EXITS: &str = "Exit codes: 0 done; 1 something failed, in its own words; 2 the command cannot be read; \
3 a rule refuses it (the code is in --json); 4 no login, or it is over; 5 the order, or how things are, stands in the way; \
6 no node runs.";

/// The same as a code.
fn exit(outcome: &Outcome) -> ExitCode {
    match outcome {
        Outcome::Failed { .. } => ExitCode::FAILURE,
        Outcome::Refused { code, .. } => match Verdict::of(code) {
            Verdict::NobodyIn => ExitCode::from(4),
            Verdict::TooOften => ExitCode::FAILURE,
            Verdict::Rule => ExitCode::from(3),
        },
        Outcome::NotDone { .. } => ExitCode::from(5),
        _ => ExitCode::SUCCESS,
    }
}

fn token(token: &Token) {
    let rights: Vec<&str> = token.rights.iter().map(|right| right.name()).collect();
    let used = token.used.map_or_else(|| "never used".to_owned(), |used| format!("used {}", used.date()));
    println!("{}  until {}, {used}  {}: {}", token.id, token.ends.date(), token.label, rights.join(", "));
}

fn waiting(Waiting { request, asked_by, about }: &Waiting) {
    let (by, about) = (asked_by.as_deref().unwrap_or("?"), about.as_deref().unwrap_or("-"));
    let (id, name, day) = (&request.id, request.change.name(), request.at.date());
    println!("{id}  {name:<8} about {about:<16} asked by {by} on {day}");
    // All of it: whoever approves must not wonder what else there is.
    let change = serde_json::to_value(&request.change).unwrap_or_default();
    // The first line says which change it is.
    let fields = fields("", &change).into_iter().filter(|(field, _)| field != "change");
    fields.for_each(|(field, value)| println!("{:<24} {field:<18} {value}", ""));
}

/// What a value holds, by name; that something is not there is said too.
fn fields(name: &str, value: &Value) -> Vec<(String, String)> {
    match value {
        Value::Null => vec![(name.to_owned(), "none".to_owned())],
        Value::Object(parts) => {
            let inner = |part: &String| match name {
                name if name.is_empty() || name == part => part.clone(),
                name => format!("{name}.{part}"),
            };
            parts.iter().flat_map(|(part, value)| fields(&inner(part), value)).collect()
        }
        Value::Array(list) if list.iter().all(Value::is_string) => {
            vec![(name.to_owned(), list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "))]
        }
        Value::String(text) => vec![(name.to_owned(), text.clone())],
        other => vec![(name.to_owned(), other.to_string())],
    }
}

fn frozen(Frozen { freeze, by }: &Frozen) {
    let by = by.as_deref().unwrap_or("?");
    println!("{}  {}  by {by} on {}  {}", freeze.id, freeze.scope, freeze.at.date(), freeze.reason);
}

fn alerted(mailed: &[String], without_address: &[String], webhook: bool) {
    let ways = mailed.iter().map(|login| format!("{login} by mail")).chain(webhook.then(|| "the webhook".to_owned()));
    let ways: Vec<String> = ways.collect();
    println!("on its way to {}", if ways.is_empty() { "nobody".to_owned() } else { ways.join(", ") });
    for login in without_address {
        println!("! {login} has no address: lucarne account file {login} --mail ADDRESS");
    }
    println!("what has not arrived is listed by: lucarne alert list");
}

fn due(due: &Due) {
    let Due { alert, to } = due;
    let (to, minute) =
        (to.as_deref().unwrap_or(alert.route.way().name()), format_description!("[year]-[month]-[day] [hour]:[minute]"));
    let [at, next] = [alert.at, alert.next_try].map(|at| at.format(minute).unwrap_or_default());
    println!(
        "{}  {:<17} to {to:<16} since {at} UTC, tried {} times, next {next} UTC",
        alert.id,
        alert.occasion.name(),
        alert.tries
    );
    if let Some(trouble) = &alert.trouble {
        println!("{:<24} ! {trouble}", "");
    }
}

fn enrolled(login: &str, secret: &str, url: &str, recovery: &[String]) {
    println!("Your account is open. Add this to your authenticator now; it is not shown again:\n");
    println!("secret    {secret}\nurl       {url}\n");
    println!("If you lose it, each of these lets you in once; keep them on paper:\n");
    recovery.chunks(4).for_each(|row| println!("          {}", row.join("  ")));
    println!("\nThen: lucarne login {login}");
}

fn password_note(days: Option<i64>) {
    if let Some(days) = days {
        let when = if days == 0 { "today".to_owned() } else { format!("within {days} days") };
        println!("note      your password must be changed {when}: lucarne password LOGIN");
    }
}

fn roles(account: &crate::governance::Account) -> String {
    let names = account.roles.iter().map(Role::name).collect::<Vec<_>>().join(", ");
    account.roles.site().map_or(names.clone(), |site| format!("{names} of {site}"))
}

fn account(listed: &Listed) {
    let account = &listed.account;
    let state = match (account.enabled, account.enrolled) {
        (false, _) => "disabled",
        (true, false) => "waiting",
        (true, true) => "enabled",
    };
    println!("{:<24} {state:<9} {:<20} {}", account.login.as_str(), roles(account), account.name);
    if listed.review_overdue {
        println!("{:<24} ! its review is overdue: lucarne account review {}", "", account.login.as_str());
    }
    for orphan in &listed.orphans {
        println!("{:<24} ! {orphan} has nobody who answers for it: lucarne engagement owner {orphan} LOGIN", "");
    }
}

fn engagement(planned: &Planned) {
    let (engagement, terms) = (&planned.engagement, &planned.engagement.terms);
    let minute = format_description!("[year]-[month]-[day] [hour]:[minute]");
    let window = |at: time::OffsetDateTime| at.format(minute).unwrap_or_default();
    let capture = terms.capture.map_or_else(String::new, |class| format!(", capture class {}", class.name()));
    println!(
        "{}  {:<9} {:<5} {}{capture} on {}  {} to {} UTC  {}",
        engagement.id,
        format!("{:?}", planned.state).to_lowercase(),
        format!("{:?}", terms.operation).to_lowercase(),
        terms.class.name(),
        terms.site,
        window(terms.opens),
        window(terms.closes),
        terms.purpose
    );
}

fn incident(case: &Case) {
    let (incident, minute) = (&case.incident, format_description!("[year]-[month]-[day] [hour]:[minute]"));
    let at = |at: time::OffsetDateTime| at.format(minute).unwrap_or_default();
    let (stage, nature) = (incident.stage().name(), incident.nature.name().replace('_', "-"));
    println!("{}  {stage:<9} {nature:<11} known since {} UTC  {}", incident.id, at(incident.known), incident.title);
    match (&incident.duty, incident.to_be_told_by()) {
        (Some(Duty::Told(reference)), _) => println!("{:<24} the authority was told: {reference}", ""),
        (Some(Duty::None(reason)), _) => println!("{:<24} the authority need not be told: {reason}", ""),
        (None, Some(by)) => {
            let late = if case.overdue { "OVERDUE: the authority was" } else { "! the authority is" };
            println!("{:<24} {late} to be told by {} UTC: lucarne incident told {} REFERENCE", "", at(by), incident.id);
        }
        (None, None) => {}
    }
    // The first step says what the title says.
    for step in incident.steps.iter().skip(1) {
        println!("{:<24} {} {:<9} {}", "", at(step.at), step.stage.name(), step.note);
    }
    for link in &incident.links {
        println!("{:<24} about {link}", "");
    }
}

fn workstation(workstation: &Workstation) {
    let Workstation { id, fingerprint, label, ends, posture, retired } = workstation;
    let day = |day: Option<time::Date>| day.map_or_else(|| "not declared".to_owned(), |day| day.to_string());
    let until = ends.map_or_else(String::new, |ends| format!(", until {}", ends.date()));
    let state = if *retired { "retired" } else { "known" };
    println!("{id}  {state:<8} {label}{until}; system {}, antivirus {}", day(posture.system), day(posture.antivirus));
    println!("{:<24} certificate {fingerprint}", "");
}

fn rule(rule: &Rule) {
    match (&rule.message, &rule.later) {
        (None, None) => println!("  ok      {}", rule.rule),
        (None, Some(later)) => println!("  later   {:<8} {later}", rule.rule),
        (Some(message), _) => println!("  MISSING {:<8} {message}", rule.rule),
    }
}

fn compliance(clauses: &[Commitment]) {
    clauses.iter().for_each(commitment);
    let count = |state| clauses.iter().filter(|clause| clause.state == state).count();
    let counts = [Standing::Held, Standing::Off, Standing::Missing, Standing::Organisation].map(count);
    let [held, off, missing, people] = counts;
    println!("\n{held} held; {off} OFF: yours to mend; {missing} MISSING: not in this version; {people} for people, no program");
}

fn commitment(commitment: &Commitment) {
    let state = match commitment.state {
        Standing::Held => "held",
        Standing::Off => "OFF",
        Standing::Organisation => "people",
        Standing::Missing => "MISSING",
    };
    println!("{}  {state:<8} {}", commitment.id, commitment.control);
    println!("{:<14} « {} »", "", commitment.clause);
    if let Some(because) = &commitment.because {
        println!("{:<14} ! {because}", "");
    }
}

fn site(site: &Site) {
    let age = site.picture_age_ms.map_or_else(|| "no picture".to_owned(), |ms| format!("{}.{} s old", ms / 1000, ms / 100 % 10));
    let size = site.size.clone().unwrap_or_else(|| "-".to_owned());
    let (standing, viewers) = (site.standing.name(), site.viewers);
    println!("{:<20} {standing:<8} {size:>11} {age:>12} {viewers:>3} looking  {}", site.name, site.label);
    if !site.watched_by.is_empty() {
        let watcher = |watcher: &Watcher| format!("{} (capture class {})", watcher.name, watcher.capture.name());
        println!("{:<20} watched by {}", "", site.watched_by.iter().map(watcher).collect::<Vec<_>>().join(", "));
    }
    if let Some(trouble) = &site.trouble {
        println!("{:<20} ! {trouble}", "");
    }
}
