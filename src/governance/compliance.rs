//! R13: the security assurance plan, clause by clause: what holds each here, and whether it does now.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::engagement::Class;
use super::{Account, Policy, Profile, Role};
use crate::id::{EngagementId, SiteName};

/// How things are on a node, as far as clauses depend on it.
pub struct Facts {
    pub policy: Policy,
    pub accounts: Vec<Account>,
    pub has_charter: bool,
    pub has_procedure: bool,
    pub has_runbook: bool,
    /// Sites whose settings no two people approved.
    pub unapproved: Vec<SiteName>,
    /// Engagements that nobody answers for.
    pub orphans: Vec<EngagementId>,
    pub trace_is_writing: bool,
    /// Viewers are answered in networks of theirs alone.
    pub viewers_in_networks: bool,
    /// Auditors work from networks of theirs alone.
    pub auditors_on_premises: bool,
    /// A relay is set for mail.
    pub mail_is_set: bool,
    /// Certificates of workstations are looked up in lists of revocations, and these can be read.
    pub revocations_are_read: bool,
    pub now: OffsetDateTime,
}

/// A clause of the plan, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Commitment {
    /// As the plan's requirements are numbered: `R35`.
    pub id: String,
    /// The plan's own words, cut short.
    pub clause: String,
    pub control: String,
    pub state: Standing,
    /// Why it is off.
    pub because: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "ClauseStanding")]
pub enum Standing {
    Held,
    /// There is a control, and something is wrong with it.
    Off,
    /// People hold it, no program.
    Organisation,
    /// This version of Lucarne does not hold it.
    Missing,
}

/// What holds a clause.
#[derive(Clone, Copy)]
enum By {
    /// The way it is built: nothing switches it off.
    Build,
    /// A control that says what is wrong with it, if anything is.
    Control(fn(&Facts) -> Option<String>),
    People,
    Nothing,
}

/// Every clause, in its order.
pub fn commitments(facts: &Facts) -> Vec<Commitment> {
    let commitment = |(number, (clause, control, by)): (usize, &(&str, &str, By))| {
        let (state, because) = match by {
            By::Build => (Standing::Held, None),
            By::Control(wrong) => match wrong(facts) {
                None => (Standing::Held, None),
                because => (Standing::Off, because),
            },
            By::People => (Standing::Organisation, None),
            By::Nothing => (Standing::Missing, None),
        };
        let id = format!("R{:02}", number + 1);
        Commitment { id, clause: (*clause).to_owned(), control: (*control).to_owned(), state, because }
    };
    CLAUSES.iter().enumerate().map(commitment).collect()
}

/// The clause, what holds it, and how.
const CLAUSES: &[(&str, &str, By)] = {
    use By::{Build, Control, Nothing, People};
    &[
        ("réalise deux types d'opérations", "an engagement is a visit or an audit, and stays it", Build),
        (
            "visites chez l'éditeur ou tout autre endroit déterminé en accord avec lui",
            "a visit names its place, who agreed, when",
            Build,
        ),
        ("système de démonstration ne comportant aucune donnée de santé", "the site's contact declares it before a visit", Build),
        (
            "audits sur un système en production chez un client",
            "an audit is on a production site, with a named professional",
            Build,
        ),
        ("le système comporte dans ce cas des données à caractère personnel", "pictures are in memory alone, each marked", Build),
        (
            "les tests sont réalisés sur un patient fictif",
            "real data are declared by the site, with a reason, and said on the screen",
            Build,
        ),
        (
            "certaines vérifications nécessitent l'affichage de données de santé",
            "declared intervals; blackout between them",
            Build,
        ),
        ("l'auditeur ne réalise pas de copie d'écran", "nothing to save or copy; every picture names its viewer", Build),
        (
            "ne note pas les informations de santé affichées",
            "texts are short, warned and sealed; none is read off the screen",
            Build,
        ),
        ("n'intervient à aucun moment sur le poste", "no byte of a viewer reaches a site; what is dropped is counted", Build),
        ("au travers d'un outil de prise en main à distance", "an engagement on site opens no picture", Build),
        ("seul l'affichage déporté du logiciel est utilisé", "clipboard, bell, files, chat and names stop at the source", Build),
        ("met en œuvre le plan d'assurance sécurité", "this list", Build),
        ("informé par courrier de la date et de l'heure", "no audit without its letter, none outside its window", Build),
        ("de la procédure mise en œuvre", "the letter names the procedure's version and digest", Control(procedure)),
        (
            "l'acceptation de l'audit emporte l'acceptation de cette procédure",
            "accepted by the letter's code; revoked in a second",
            Build,
        ),
        ("responsables des manipulations", "somebody is declared at the keyboard before anything is shown", Build),
        (
            "n'intervenant à aucun moment au-delà du déport de l'affichage",
            "the site sees who looks, and stops it in a second",
            Build,
        ),
        ("fiches de poste décrivant leurs missions", "nobody looks without a job description on file", Build),
        (
            "s'engagent à respecter la politique de sécurité et la charte",
            "the charter in force is acknowledged, by its digest",
            Control(charter),
        ),
        ("responsabilité des acteurs vis-à-vis des informations", "a reminder is acknowledged before each ticket", Build),
        ("prendre en considération le niveau de sensibilité", "each engagement has a class, shown with the picture", Build),
        (
            "oblige chaque propriétaire à en assurer la protection",
            "each engagement has an owner; those without are listed",
            Control(owners),
        ),
        ("clause de confidentialité et secret professionnel", "nobody looks without a signed clause on file", Build),
        ("sans limitation de durée", "the clause's digest stays with a closed account", Build),
        ("sessions de sensibilisation régulièrement réalisées", "an old session about security blocks", Control(awareness)),
        ("pas autorisés à installer des logiciels", "the browser's page", Nothing),
        ("parc logiciel contrôlé automatiquement", "releases are signed, with an SBOM; each start traces its version", Build),
        ("logiciels supplémentaires : validation hiérarchique", "two people approve each site's settings", Control(sites)),
        ("postes maintenus à jour", "the day of each workstation's last update", Control(posture)),
        ("anti-virus à jour", "the day of each antivirus's last update", Control(posture)),
        (
            "mots de passe conformes aux recommandations de la CNIL",
            "a profile of rules, a second factor, slowed guessing",
            Control(second_factor),
        ),
        ("10 caractères, 4 classes", "asked of each new password", Control(pas)),
        ("appliquée à l'outil de prise en main à distance", "one place to log in; a viewer knows one-time tickets alone", Build),
        ("renouvelés tous les 90 jours", "an expired password opens its own change alone", Control(pas)),
        ("historique de 12", "the last twelve do not come again", Build),
        ("comptes administrateurs : validation du RSSI", "granted by an rssi who did not ask for it", Build),
        ("la liste est revue régulièrement", "90 days for those who administer, 180 for others", Control(reviews)),
        ("se mettre en veille au bout de 60 minutes", "a viewer before which nobody sits is locked", Build),
        ("segmenté logiquement, cloisonnement", "a listener each for viewers, orders and measures", Build),
        ("les postes sont isolés des autres services", "viewers from elsewhere are closed unanswered", Control(networks)),
        ("tous les flux contrôlés par un firewall", "a table of flows, and rules of nftables from it", Build),
        ("seuls les flux nécessaires autorisés", "to its sites' ports alone, and where their names may lead", Build),
        ("toutes les connexions tracées par l'outil", "no trace, no picture", Control(trace)),
        ("tous les flux réseau tracés par le firewall", "both ends of each connection in the trace", Build),
        ("traçabilité sauvegardée", "copies of the trace", Nothing),
        ("délais de conservation en fonction de la sensibilité", "retention by class", Nothing),
        ("déclarations adéquates auprès de la CNIL", "the register's sheet", Nothing),
        ("réalisées à partir des locaux", "each role works from its networks", Control(premises)),
        ("contrôle d'accès par cartes à puce", "known workstations, by certificates that are not revoked", Control(cards)),
        ("seuls les personnels habilités à accéder aux locaux", "doors", People),
        ("bureaux fermés à clé", "keys", People),
        ("gérer les incidents opérationnels ou de sécurité", "records of incidents, and a freeze that two people lift", Build),
        (
            "les membres d'une cellule de crise sont désignés",
            "somebody has the role, may freeze, and is told by mail",
            Control(crisis),
        ),
        (
            "fonctionnement et processus formalisés",
            "stages with their times, the 72 hours, the runbook in force",
            Control(runbook),
        ),
        (
            "médecin pouvant intervenir",
            "what was disclosed of health data is for physicians, who are told by mail that something was",
            Control(physician),
        ),
        ("partagée par plusieurs acteurs, continuité", "two people at least for each part", Control(continuity)),
        ("audits de ses services, plans de remédiation", "findings with owner and day", Nothing),
        ("personnes concernées peuvent diligenter un audit", "receipts of sessions", Nothing),
    ]
};

fn unless(holds: bool, because: &str) -> Option<String> {
    (!holds).then(|| because.to_owned())
}

fn procedure(facts: &Facts) -> Option<String> {
    unless(facts.has_procedure, "no procedure is in force: lucarne paper publish procedure FILE --as VERSION")
}

fn charter(facts: &Facts) -> Option<String> {
    unless(facts.has_charter, "no charter is in force: lucarne paper publish charter FILE --as VERSION")
}

fn owners(facts: &Facts) -> Option<String> {
    named(&facts.orphans, "nobody answers for")
}

fn awareness(facts: &Facts) -> Option<String> {
    unless(facts.policy.awareness_blocks, "accounts.awareness_blocks = false: it does not block")
}

fn sites(facts: &Facts) -> Option<String> {
    named(&facts.unapproved, "not approved:")
}

fn second_factor(facts: &Facts) -> Option<String> {
    unless(facts.policy.second_factor_for_all, "accounts.second_factor = \"privileged\": auditors log in without")
}

fn pas(facts: &Facts) -> Option<String> {
    unless(facts.policy.passwords == Profile::Pas, "accounts.passwords = \"cnil-2022\": by length, without an end")
}

fn reviews(facts: &Facts) -> Option<String> {
    let overdue = facts.accounts.iter().filter(|account| account.enabled && account.review_overdue(facts.now));
    let logins: Vec<&str> = overdue.map(|account| account.login.as_str()).collect();
    named(&logins, "overdue:")
        .or_else(|| unless(facts.policy.suspend_overdue, "accounts.suspend_overdue = false: an overdue review suspends nobody"))
}

fn posture(facts: &Facts) -> Option<String> {
    let asked = facts.policy.workstations.is_some_and(|demand| demand.freshness.is_some());
    unless(asked, "nothing is asked of auditors' machines: it takes workstations.posture_days and viewers.tls_first")
        .or_else(|| classes(facts))
}

fn networks(facts: &Facts) -> Option<String> {
    unless(facts.viewers_in_networks, "viewers.networks is not set: viewers come from anywhere")
}

fn premises(facts: &Facts) -> Option<String> {
    unless(facts.auditors_on_premises, "accounts.networks has no auditor: they look from anywhere")
}

fn cards(facts: &Facts) -> Option<String> {
    unless(
        facts.policy.workstations.is_some(),
        "no certificate is asked of auditors: it takes workstations.ca and viewers.tls_first",
    )
    .or_else(|| {
        unless(
            facts.revocations_are_read,
            "no list of revocations is read (workstations.revocations): revoked certificates count",
        )
    })
    .or_else(|| classes(facts))
}

/// Below a class nothing is asked of workstations.
fn classes(facts: &Facts) -> Option<String> {
    let from = facts.policy.workstations.map(|demand| demand.from).filter(|from| *from > Class::C1)?;
    Some(format!("workstations.required_from = \"{}\": nothing is asked below it", from.name()))
}

fn trace(facts: &Facts) -> Option<String> {
    unless(facts.trace_is_writing, "the trace cannot be written: nobody sees anything")
}

fn runbook(facts: &Facts) -> Option<String> {
    unless(facts.has_runbook, "no runbook is in force: lucarne paper publish runbook FILE --as VERSION")
}

fn physician(facts: &Facts) -> Option<String> {
    unless(working(facts, Role::Physician) > 0, "nobody has the role physician").or_else(|| told(facts, Role::Physician))
}

fn crisis(facts: &Facts) -> Option<String> {
    unless(working(facts, Role::Crisis) > 0, "nobody has the role crisis").or_else(|| told(facts, Role::Crisis))
}

/// Whether everybody of a role is told of what happens.
fn told(facts: &Facts, role: Role) -> Option<String> {
    unless(facts.mail_is_set, "alerts.mail is not set: nobody is told").or_else(|| {
        let has_none =
            |account: &&Account| account.roles.has(role) && account.is_of_use(facts.now) && account.file.mail.is_none();
        let without: Vec<&str> = facts.accounts.iter().filter(has_none).map(|account| account.login.as_str()).collect();
        named(&without, "without a mail address:")
    })
}

/// One person who is away, or has lost a phone, must not stop the others.
fn continuity(facts: &Facts) -> Option<String> {
    let alone = [Role::Rssi, Role::Admin, Role::Auditor].into_iter().filter(|role| working(facts, *role) < 2);
    let alone: Vec<&str> = alone.map(Role::name).collect();
    named(&alone, "fewer than two accounts work as")
}

fn working(facts: &Facts, role: Role) -> usize {
    let works = |account: &&Account| account.roles.has(role) && account.stands(&facts.policy, facts.now).is_ok();
    facts.accounts.iter().filter(works).count()
}

/// What there should be none of.
fn named(these: &[impl ToString], what: &str) -> Option<String> {
    let names: Vec<String> = these.iter().take(5).map(ToString::to_string).collect();
    let more = if these.len() > names.len() { format!(" and {} more", these.len() - names.len()) } else { String::new() };
    (!names.is_empty()).then(|| format!("{what} {}{more}", names.join(", ")))
}
