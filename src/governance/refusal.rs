//! Refusals: verdicts, not errors. The code is stable; the words say what is missing and who can mend it, in French and
//! in English, as RFB has one line and no language.

use serde::{Serialize, Serializer};

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident $code:literal $french:literal $english:literal)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Refusal { $($(#[$doc])* $name,)* }

        impl Refusal {
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// French, a slash, English.
            pub fn words(self) -> &'static str {
                match self { $(Self::$name => concat!($french, " / ", $english),)* }
            }
        }
    };
}

/// What kind of verdict a code is, for those who answer by numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nobody is in: no login, or it is over, or what was shown is wrong.
    NobodyIn,
    /// Wait, then try again.
    TooOften,
    /// A rule.
    Rule,
}

impl Verdict {
    pub fn of(code: &str) -> Self {
        match Refusal::ALL.iter().find(|refusal| refusal.code() == code) {
            Some(Refusal::SessionOver | Refusal::TokenOver | Refusal::LoginWrong | Refusal::CodeWrong) => Self::NobodyIn,
            Some(refusal) if refusal.is_a_limit() => Self::TooOften,
            _ => Self::Rule,
        }
    }
}

refusals! {
    TicketUnknown "ticket_unknown"
        "Ticket inconnu ou déjà utilisé : demandez-en un nouveau."
        "Unknown or used ticket: ask for a new one."
    TicketExpired "ticket_expired"
        "Ticket expiré (60 s) : demandez-en un nouveau."
        "The ticket has expired (60 s): ask for a new one."
    TicketOfAnother "ticket_of_another"
        "Ticket inconnu ou déjà utilisé : demandez-en un nouveau."
        "Unknown or used ticket: ask for a new one."
    OtherWorkstation "other_workstation"
        "Ce ticket est celui d'un autre poste : prenez-en un ici."
        "This ticket is for another workstation: take one here."
    TokenOver "token_over"
        "Jeton inconnu ou terminé : son propriétaire en crée un autre."
        "The token is unknown or over: its owner makes another."
    TokenUnknown "token_unknown"
        "Ce jeton n'existe pas, ou n'est pas à vous."
        "There is no such token, or it is not yours."
    TokenTooLong "token_too_long"
        "Un jeton finit dans les 90 jours : donnez une date plus proche."
        "A token ends within 90 days: give a nearer date."
    TokensFull "tokens_full"
        "Vingt jetons au plus : terminez-en un."
        "Twenty tokens at most: end one."
    RightNotLent "right_not_lent"
        "Un jeton a au moins un droit, et aucun qui demande une personne."
        "A token has a right at least, and none that takes a person."
    BeyondToken "beyond_token"
        "Ce jeton n'a pas ce droit : son propriétaire en crée un autre."
        "This token does not have that right: its owner makes another."
    NoAlerts "no_alerts"
        "Aucune alerte n'est réglée : écrivez [alerts.mail] ou [alerts.webhook] dans lucarne.toml."
        "No alert is set: write [alerts.mail] or [alerts.webhook] into lucarne.toml."
    NeedsTunnel "needs_tunnel"
        "Ce poste doit montrer son certificat : passez par le tunnel."
        "This workstation must show its certificate: use the tunnel."
    NotAcknowledged "not_acknowledged"
        "Lisez et acceptez d'abord le rappel de vos responsabilités."
        "Read and acknowledge the reminder of your duties first."
    WorkstationUnknown "workstation_unknown"
        "Poste inconnu : un administrateur doit en demander l'enregistrement."
        "Unknown workstation: an administrator must ask for it to be registered (lucarne workstation list)."
    WorkstationRetired "workstation_retired"
        "Poste retiré ou arrivé à son terme : prenez-en un autre."
        "The workstation is retired or has reached its end: take another."
    WorkstationTaken "workstation_taken"
        "Un poste a déjà ce certificat."
        "A workstation with this certificate is registered already."
    CertificateRevoked "certificate_revoked"
        "Le certificat de ce poste ne compte plus : voyez votre administrateur."
        "This workstation's certificate no longer counts: see your administrator."
    SystemStale "system_stale"
        "Poste pas à jour : faites déclarer sa dernière mise à jour."
        "The workstation is not up to date: have its last update declared."
    AntivirusStale "antivirus_stale"
        "Anti-virus pas à jour : faites déclarer sa dernière mise à jour."
        "The antivirus is not up to date: have its last update declared."
    LoginWrong "login_wrong"
        "Identifiant, mot de passe ou code incorrect : rien n'a été fait."
        "The login, its password or the code is not right; nothing was done."
    LoginWait "login_wait"
        "Trop d'essais manqués : attendez, ou faites déverrouiller le compte par un administrateur."
        "Too many wrong attempts: wait, or have an administrator unlock the account."
    SessionOver "session_over"
        "Session absente ou terminée : identifiez-vous (lucarne login)."
        "No login, or it has ended: log in (lucarne login)."
    CodeWrong "code_wrong"
        "Code d'inscription inconnu, expiré ou déjà utilisé : demandez-en un autre."
        "Unknown, expired or used enrolment code: ask for another."
    SecondFactorWrong "second_factor_wrong"
        "Code à six chiffres incorrect ou déjà utilisé : attendez le suivant."
        "The six digits are wrong or were used: wait for the next ones."
    AccountDisabled "account_disabled"
        "Compte désactivé : voyez votre administrateur."
        "Account disabled: see your administrator."
    AccountEnded "account_ended"
        "Compte arrivé à son terme : voyez votre administrateur."
        "The account has reached its end: see your administrator."
    AccountAsleep "account_asleep"
        "Compte inutilisé depuis trop longtemps : un administrateur doit demander sa reprise."
        "The account was not used for too long: an administrator must ask for it to be enabled."
    NotEnrolled "not_enrolled"
        "Compte pas encore ouvert : utilisez d'abord le code d'inscription."
        "The account is not open yet: use its enrolment code first."
    PasswordExpired "password_expired"
        "Mot de passe expiré : changez-le, puis demandez un ticket."
        "The password has expired: change it, then ask for a ticket."
    ReviewOverdue "review_overdue"
        "Revue du compte en retard : le RSSI doit la faire."
        "The account's review is overdue: the rssi must do it."
    NotYourRole "not_your_role"
        "Votre rôle ne le permet pas : adressez-vous à qui l'a."
        "Your role does not allow this: ask somebody whose role does."
    NotYours "not_yours"
        "Ceci concerne un autre site ou une autre personne."
        "This concerns another site or another person."
    OwnRequest "own_request"
        "Vous l'avez demandé vous-même : une autre personne doit approuver."
        "You asked for this yourself: another person must approve it."
    OwnAccount "own_account"
        "Cela concerne votre propre compte : une autre personne doit le faire."
        "This is about your own account: another person must do it."
    NeedsRssi "needs_rssi"
        "Droits d'administration : seul un RSSI peut approuver."
        "Administrative rights: only an rssi can approve."
    OffPremises "off_premises"
        "Votre rôle ne s'exerce que depuis les réseaux prévus : revenez dans les locaux."
        "Your role works from its own networks alone: come back to the premises."
    RequestUnknown "request_unknown"
        "Demande inconnue, déjà traitée ou trop ancienne : demandez à nouveau."
        "Unknown, settled or too old a request: ask again."
    TooManyRequests "too_many_requests"
        "Trop de demandes attendent déjà (200) : approuvez-en ou rejetez-en d'abord."
        "Too many requests wait already (200): approve or turn down some first."
    RolesImpossible "roles_impossible"
        "Rôles impossibles : un contact a un site et rien d'autre, un réviseur rien d'autre."
        "These roles cannot be: a contact has one site and nothing else, a reviewer nothing else."
    TextImpossible "text_impossible"
        "Texte vide, trop long (200 caractères) ou sur plusieurs lignes ; aucune donnée de santé."
        "The text is empty, longer than 200 characters or not on one line; no health data in it."
    VersionImpossible "version_impossible"
        "Une version a 1 à 20 lettres, chiffres, points ou tirets, comme « 2.1 »."
        "A version has 1 to 20 letters, digits, dots or hyphens, such as \"2.1\"."
    DateImpossible "date_impossible"
        "Cette date est à venir : enregistrez ce qui a eu lieu."
        "This date is to come: record what has happened."
    LastOne "last_one"
        "Dernier compte actif de ce rôle : faites d'abord entrer quelqu'un d'autre."
        "The last working account of this role: let somebody else in first."
    DigestImpossible "digest_impossible"
        "Donnez le SHA-256 du document : 64 chiffres hexadécimaux (sha256sum)."
        "Give the paper's SHA-256: 64 hexadecimal digits (sha256sum)."
    NotAuditor "not_auditor"
        "Ce compte n'est pas celui d'un auditeur."
        "This account is no auditor's."
    NoJob "no_job"
        "Fiche de poste absente : un administrateur doit l'enregistrer."
        "No job description on file: an administrator must record it."
    NoCharter "no_charter"
        "Aucune charte en vigueur : un administrateur doit en demander la publication."
        "No charter is in force: an administrator must ask for its publication."
    CharterNotAcknowledged "charter_not_acknowledged"
        "Charte non acceptée dans sa version en vigueur : lisez-la et acceptez-la."
        "The charter in force is not acknowledged: read it and acknowledge it."
    NotTheCharter "not_the_charter"
        "Ce fichier n'est pas la charte en vigueur : demandez-la, lisez-la, acceptez-la."
        "This file is not the charter in force: ask for that, read it, acknowledge it."
    NoClause "no_clause"
        "Clause de confidentialité absente : un administrateur doit l'enregistrer."
        "No clause of confidentiality on file: an administrator must record it."
    NoAwareness "no_awareness"
        "Sensibilisation absente ou trop ancienne : suivez-en une, puis faites-la enregistrer."
        "No session about security, or too long ago: follow one, then have it recorded."
    EngagementUnknown "engagement_unknown"
        "Cette opération n'existe pas."
        "There is no such engagement."
    EngagementOver "engagement_over"
        "Opération close ou annulée : planifiez-en une autre."
        "The engagement is closed or cancelled: plan another."
    OperationFixed "operation_fixed"
        "Une visite reste une visite, un audit un audit, sur le même site : planifiez-en une autre."
        "A visit stays a visit, an audit an audit, on the same site: plan another."
    WindowImpossible "window_impossible"
        "Horaires impossibles : fin après le début et à venir, tolérance d'une heure au plus."
        "Impossible window: its end comes after its beginning and is to come, its tolerance is an hour at most."
    ClassTooLow "class_too_low"
        "Un audit est au moins de classe C2."
        "An audit's class is C2 at least."
    OnSite "on_site"
        "Opération sur place : aucune image à distance."
        "The engagement is on site: no remote picture."
    Frozen "frozen"
        "Gelé par un responsable : aucune image avant que deux personnes n'y mettent fin."
        "Frozen by somebody in charge: no picture until two people end it."
    FreezeUnknown "freeze_unknown"
        "Gel inconnu ou déjà levé : voyez la liste (lucarne freeze list)."
        "Unknown or lifted freeze: see the list (lucarne freeze list)."
    IncidentUnknown "incident_unknown"
        "Cet incident n'existe pas."
        "There is no such incident."
    IncidentClosed "incident_closed"
        "Incident clos : déclarez-en un autre, et citez celui-ci."
        "The incident is closed: report another, and name this one."
    IncidentGoesForward "incident_goes_forward"
        "Un incident va d'ouvert à contenu, puis clos : pas en arrière."
        "An incident goes from open to contained to closed, never back."
    IncidentFull "incident_full"
        "Trop d'étapes et de liens (200) : déclarez un autre incident."
        "Too many steps and links (200): report another incident."
    AuthorityNotTold "authority_not_told"
        "Dites d'abord ce qu'il en est de la déclaration à l'autorité (72 h) : faite, ou sans objet."
        "Say first what became of telling the authority (72 h): lucarne incident told, or no-duty."
    SiteUnknown "site_unknown"
        "Ce site n'est plus déclaré : voyez votre administrateur."
        "This site is no longer configured: see your administrator."
    SiteNotApproved "site_not_approved"
        "Réglages du site non approuvés par deux personnes : un administrateur doit le demander."
        "The site's settings were not approved by two people: an administrator must ask for it."
    WrongKindOfSite "wrong_kind_of_site"
        "Une visite va sur un site de démonstration, un audit sur un site en production."
        "A visit is on a demo site, an audit on a production site."
    NoPlace "no_place"
        "Lieu de la visite non convenu : l'organisateur doit l'enregistrer."
        "The visit's place was not agreed on: the planner must record it."
    NoDeclaration "no_declaration"
        "L'éditeur doit déclarer : système de démonstration, aucune donnée de santé."
        "The editor must declare: demonstration system, no health data."
    NoProfessional "no_professional"
        "Aucun professionnel de santé nommé : l'organisateur doit le faire."
        "No health professional is named: the planner must name one."
    NoNotice "no_notice"
        "Aucun courrier pour ces conditions : l'organisateur doit l'envoyer."
        "No letter was sent for these terms: the planner must send one."
    ProcedureChanged "procedure_changed"
        "La procédure a changé : l'organisateur doit envoyer un nouveau courrier."
        "The procedure has changed: the planner must send a new letter."
    LetterCodeWrong "letter_code_wrong"
        "Le code n'est pas celui du courrier : relisez-le."
        "The code is not the letter's: read it again."
    LetterUsedUp "letter_used_up"
        "Trop de codes faux : l'organisateur doit envoyer un nouveau courrier."
        "Too many wrong codes: the planner must send a new letter."
    NotAccepted "not_accepted"
        "Le professionnel n'a pas accepté ces conditions, ou a retiré son accord."
        "The professional has not accepted these terms, or has revoked it."
    ContactNotIndependent "contact_not_independent"
        "L'identité du contact a été approuvée par l'organisateur : une autre personne doit le faire."
        "The planner approved the contact's identity: somebody else must."
    WindowNotOpen "window_not_open"
        "L'horaire prévu n'a pas commencé."
        "The planned window has not begun."
    WindowOver "window_over"
        "L'horaire prévu est passé : l'organisateur doit en prévoir un autre."
        "The planned window is over: the planner must plan another."
    NoOperator "no_operator"
        "Personne n'est déclaré au clavier : le contact du site doit le dire."
        "Nobody is declared at the keyboard: the site's contact must say who is."
    OutsideInterval "outside_interval"
        "L'image n'est donnée que pendant un intervalle déclaré par le site."
        "The picture flows only within an interval that the site has declared."
    NotAssigned "not_assigned"
        "Vous n'êtes pas désigné pour cette opération : voyez l'organisateur."
        "You are not assigned to this engagement: see its planner."
    SiteNotShown "site_not_shown"
        "Le site n'est pas montré : son contact doit le montrer."
        "The site is not shown: its contact must show it."
    SiteTaken "site_taken"
        "Le site est montré pour une autre opération : arrêtez-la d'abord."
        "The site is shown for another engagement: stop that one first."
    /// The trace cannot be written.
    NoTrace "no_trace"
        "La trace ne peut être écrite : aucune image. Voyez l'exploitant."
        "The trace cannot be written: no picture. See the operator."
    /// The store does not answer.
    NoStore "no_store"
        "La base de données ne répond pas : aucune image. Voyez l'exploitant."
        "The store does not answer: no picture. See the operator."
    /// Too many sessions, or too many attempts.
    Busy "busy"
        "Trop de connexions : réessayez dans un instant."
        "Too many connections: try again in a moment."
}

impl Refusal {
    /// It says nothing of who asked, but that too many do: such refusals are counted, not told one by one.
    pub fn is_a_limit(self) -> bool {
        matches!(self, Self::Busy | Self::LoginWait)
    }
}

impl Serialize for Refusal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}
