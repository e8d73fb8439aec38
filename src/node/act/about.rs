//! What an act is called, what it needs, what answers it, and what it is about.

use super::Act;
use crate::governance::Right;
use crate::governance::freeze::Scope;
use crate::id::EngagementId;

/// What is true of an act, whatever it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    /// The name by which it is ordered and traced.
    pub name: &'static str,
    /// What it needs; `None`: it is a way in.
    pub right: Option<Right>,
    /// The outcome that answers it when it was done.
    pub answer: &'static str,
}

/// Variant, name, right (or `None`), outcome.
macro_rules! acts {
    ($($variant:ident $name:ident $right:ident $answer:ident)*) => {
        impl Act {
            /// Every act.
            pub const ALL: &'static [About] = &[$(acts!(@ $name $right $answer),)*];

            pub fn about(&self) -> About {
                match self { $(Self::$variant { .. } => acts!(@ $name $right $answer),)* }
            }
        }
    };
    (@ $name:ident None $answer:ident) => {
        About { name: stringify!($name), right: None, answer: stringify!($answer) }
    };
    (@ $name:ident $right:ident $answer:ident) => {
        About { name: stringify!($name), right: Some(Right::$right), answer: stringify!($answer) }
    };
}

acts! {
    Enrol enrol None enrolled
    Login login None welcome
    ChangePassword change_password None done
    Logout logout Oneself done
    WhoAmI who_am_i Oneself person
    Acknowledge acknowledge Oneself done
    IssueToken issue_token Oneself token
    ListTokens list_tokens Oneself tokens
    EndToken end_token EndToken done
    AskJoin ask_join Ask asked
    AskMove ask_move Ask asked
    AskReset ask_reset Ask asked
    AskEnvelope ask_envelope Ask asked
    AskEnable ask_enable Ask asked
    AskProlong ask_prolong Ask asked
    AskPaper ask_paper Ask asked
    AskSite ask_site Ask asked
    AskMasks ask_masks Ask asked
    AskWorkstation ask_workstation Ask asked
    AskThaw ask_thaw Ask asked
    ListRequests list_requests SeeAccounts requests
    ListPapers list_papers Oversee papers
    Approve approve Approve approved
    TurnDown turn_down CallOff done
    DisableAccount disable_account Disable done
    EndAccount end_account Disable done
    UnlockAccount unlock_account Unlock done
    KeepFile keep_file KeepFiles done
    Review review Review done
    ListAccounts list_accounts SeeAccounts accounts
    Plan plan Plan planned
    PlanAgain plan_again Plan done
    Assign assign Plan done
    Unassign unassign CallOff done
    GiveTo give_to Plan done
    Notice notice Plan posted
    Close close CallOff done
    Cancel cancel CallOff done
    ListEngagements list_engagements SeeEngagements engagements
    Checklist checklist SeeEngagements checklist
    Accept accept Consent done
    Revoke revoke Withdraw done
    DeclareOperator declare_operator Consent done
    RealData real_data Consent done
    Show show Show done
    Pause pause TakeAway done
    Stop stop TakeAway done
    KeepPosture keep_posture KeepFiles done
    RetireWorkstation retire_workstation Disable done
    ListWorkstations list_workstations Oversee workstations
    Report report Report reported
    NoteIncident note_incident HandleIncidents done
    LinkIncident link_incident HandleIncidents done
    TellAuthority tell_authority HandleIncidents done
    NoDutyToTell no_duty_to_tell HandleIncidents done
    ListIncidents list_incidents SeeIncidents incidents
    Freeze freeze Freeze done
    ListFreezes list_freezes Oversee freezes
    TestAlert test_alert Alert alerted
    ListAlerts list_alerts Oversee alerts
    Compliance compliance Oversee compliance
    ListSites list_sites SeeSites sites
    Reload reload Operate done
    IssueTicket issue_ticket Look ticket
}

impl Act {
    pub fn right(&self) -> Option<Right> {
        self.about().right
    }

    pub fn name(&self) -> &'static str {
        self.about().name
    }

    /// The engagement that it is about.
    pub fn engagement(&self) -> Option<&EngagementId> {
        match self {
            Self::PlanAgain { engagement, .. }
            | Self::Assign { engagement, .. }
            | Self::Unassign { engagement, .. }
            | Self::GiveTo { engagement, .. }
            | Self::Notice { engagement, .. }
            | Self::Close { engagement }
            | Self::Cancel { engagement }
            | Self::Checklist { engagement, .. }
            | Self::Accept { engagement, .. }
            | Self::Revoke { engagement }
            | Self::DeclareOperator { engagement, .. }
            | Self::RealData { engagement, .. }
            | Self::Show { engagement, .. }
            | Self::Freeze { scope: Scope::Engagement { engagement }, .. }
            | Self::IssueTicket { engagement, .. } => Some(engagement),
            _ => None,
        }
    }
}
