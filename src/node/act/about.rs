//! What an act needs, what it is called, and what it is about.

use super::Act;
use crate::governance::Right;
use crate::governance::freeze::Scope;
use crate::id::EngagementId;

impl Act {
    /// What the act needs; `None`: it is a way in.
    pub fn right(&self) -> Option<Right> {
        Some(match self {
            Self::Enrol { .. } | Self::Login { .. } | Self::ChangePassword { .. } => return None,
            Self::Logout | Self::WhoAmI | Self::Acknowledge { .. } => Right::Oneself,
            Self::AskJoin { .. }
            | Self::AskMove { .. }
            | Self::AskReset { .. }
            | Self::AskEnable { .. }
            | Self::AskProlong { .. }
            | Self::AskPaper { .. }
            | Self::AskSite { .. }
            | Self::AskWorkstation { .. }
            | Self::AskThaw { .. }
            | Self::AskMasks { .. } => Right::Ask,
            Self::Approve { .. } => Right::Approve,
            Self::TurnDown { .. } | Self::Close { .. } | Self::Cancel { .. } | Self::Assign { assigned: false, .. } => {
                Right::CallOff
            }
            Self::Revoke { .. } => Right::Withdraw,
            Self::DisableAccount { .. } | Self::EndAccount { .. } | Self::RetireWorkstation { .. } => Right::Disable,
            Self::UnlockAccount { .. } => Right::Unlock,
            Self::KeepFile { .. } | Self::KeepPosture { .. } => Right::KeepFiles,
            Self::Review { .. } => Right::Review,
            Self::ListAccounts { .. } | Self::ListRequests => Right::SeeAccounts,
            Self::TestAlert { .. } => Right::Alert,
            Self::Compliance | Self::ListAlerts { .. } | Self::ListFreezes | Self::ListWorkstations { .. } => Right::Oversee,
            Self::Report { .. } => Right::Report,
            Self::NoteIncident { .. } | Self::LinkIncident { .. } | Self::TellAuthority { .. } | Self::NoDutyToTell { .. } => {
                Right::HandleIncidents
            }
            Self::ListIncidents { .. } => Right::SeeIncidents,
            Self::Freeze { .. } => Right::Freeze,
            Self::Plan { .. } | Self::PlanAgain { .. } | Self::Assign { .. } | Self::GiveTo { .. } | Self::Notice { .. } => {
                Right::Plan
            }
            Self::ListEngagements { .. } | Self::Checklist { .. } => Right::SeeEngagements,
            Self::Accept { .. } | Self::DeclareOperator { .. } | Self::RealData { .. } => Right::Consent,
            Self::Show { .. } => Right::Show,
            Self::Pause { .. } | Self::Stop { .. } => Right::TakeAway,
            Self::ListSites => Right::SeeSites,
            Self::Reload => Right::Operate,
            Self::IssueTicket { .. } => Right::Look,
        })
    }

    /// The name by which it is ordered and traced.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Enrol { .. } => "enrol",
            Self::Login { .. } => "login",
            Self::ChangePassword { .. } => "change_password",
            Self::Logout => "logout",
            Self::WhoAmI => "who_am_i",
            Self::Acknowledge { .. } => "acknowledge",
            Self::AskJoin { .. } => "ask_join",
            Self::AskMove { .. } => "ask_move",
            Self::AskReset { .. } => "ask_reset",
            Self::AskEnable { .. } => "ask_enable",
            Self::AskProlong { .. } => "ask_prolong",
            Self::AskPaper { .. } => "ask_paper",
            Self::AskSite { .. } => "ask_site",
            Self::AskMasks { .. } => "ask_masks",
            Self::AskWorkstation { .. } => "ask_workstation",
            Self::AskThaw { .. } => "ask_thaw",
            Self::ListRequests => "list_requests",
            Self::Approve { .. } => "approve",
            Self::TurnDown { .. } => "turn_down",
            Self::DisableAccount { .. } => "disable_account",
            Self::EndAccount { .. } => "end_account",
            Self::UnlockAccount { .. } => "unlock_account",
            Self::KeepFile { .. } => "keep_file",
            Self::Review { .. } => "review",
            Self::ListAccounts { .. } => "list_accounts",
            Self::Plan { .. } => "plan",
            Self::PlanAgain { .. } => "plan_again",
            Self::Assign { .. } => "assign",
            Self::GiveTo { .. } => "give_to",
            Self::Notice { .. } => "notice",
            Self::Close { .. } => "close",
            Self::Cancel { .. } => "cancel",
            Self::ListEngagements { .. } => "list_engagements",
            Self::Checklist { .. } => "checklist",
            Self::Accept { .. } => "accept",
            Self::Revoke { .. } => "revoke",
            Self::DeclareOperator { .. } => "declare_operator",
            Self::RealData { .. } => "real_data",
            Self::Show { .. } => "show",
            Self::Pause { .. } => "pause",
            Self::Stop { .. } => "stop",
            Self::KeepPosture { .. } => "keep_posture",
            Self::RetireWorkstation { .. } => "retire_workstation",
            Self::ListWorkstations { .. } => "list_workstations",
            Self::Report { .. } => "report",
            Self::NoteIncident { .. } => "note_incident",
            Self::LinkIncident { .. } => "link_incident",
            Self::TellAuthority { .. } => "tell_authority",
            Self::NoDutyToTell { .. } => "no_duty_to_tell",
            Self::ListIncidents { .. } => "list_incidents",
            Self::Freeze { .. } => "freeze",
            Self::ListFreezes => "list_freezes",
            Self::TestAlert { .. } => "test_alert",
            Self::ListAlerts { .. } => "list_alerts",
            Self::Compliance => "compliance",
            Self::ListSites => "list_sites",
            Self::Reload => "reload",
            Self::IssueTicket { .. } => "issue_ticket",
        }
    }

    /// The engagement that it is about.
    pub fn engagement(&self) -> Option<&EngagementId> {
        match self {
            Self::PlanAgain { engagement, .. }
            | Self::Assign { engagement, .. }
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
