//! The cluster's members: how they are, and changing who they are.

use axum::extract::{Path, State};
use axum::http::Uri;
use axum::{Extension, Json};

use super::changes::{Admin, Author, Peer};
use super::routes::{Answer, Given, of_body};
use crate::control::{ChangeRefusal, MemberChanged};
use crate::dto::cluster::{ClusterStatus, MemberAnswer, MemberChange, MemberRequest};
use crate::parameters::{Parameters, shorten};
use crate::problem::{self, Problem};

/// `GET /admin/v1/cluster`
pub(super) async fn status(State(admin): State<Admin>, uri: Uri) -> Answer<Json<ClusterStatus>> {
    Parameters::of(&uri, &[])?;
    Ok(Json(admin.control.status().await))
}

/// `POST /admin/v1/cluster/init`, `add`, `promote`, `replace`, `remove`, `transfer` and `finalize`
pub(super) async fn change(
    State(admin): State<Admin>,
    Extension(peer): Extension<Peer>,
    Path(name): Path<String>,
    body: Given<MemberRequest>,
) -> Answer<Json<MemberAnswer>> {
    let MemberRequest { author, change } = of_body(body)?;
    let author = match &change {
        MemberChange::Finalize {
            is_check: false,
            reason,
        } => Author::new(author, reason, peer)?,
        _ => Author::without_reason(author, peer)?,
    };
    if name != change.name() {
        let detail = format!(
            "the path asks for \"{}\", the body for \"{}\"",
            shorten(&name),
            change.name()
        );
        return Err(Problem::new(problem::BAD_BODY, detail));
    }
    let Author { name, uid } = author;
    tracing::info!(
        author = name,
        uid,
        ?change,
        "a change of the members is asked for"
    );
    let (is_done, detail) = match admin.control.change(change, name.clone()).await {
        Ok(MemberChanged::Done(detail)) => (true, detail),
        Ok(MemberChanged::UnderWay(detail)) => (false, detail),
        Err(refusal) => return Err(problem_of(refusal)),
    };
    tracing::info!(
        author = name,
        uid,
        is_done,
        detail,
        "a change of the members"
    );
    Ok(Json(MemberAnswer { is_done, detail }))
}

fn problem_of(refusal: ChangeRefusal) -> Problem {
    match refusal {
        ChangeRefusal::Refused(detail) => Problem::new(problem::MEMBERS_REFUSED, detail),
        ChangeRefusal::NotLed(detail) => Problem::new(
            problem::NOT_ACCEPTED,
            format!("{detail}; nothing has changed: it may be asked for again"),
        ),
        ChangeRefusal::Unknown(detail) => Problem::new(
            problem::OUTCOME_UNKNOWN,
            format!("{detail}; look at `raftpool cluster status` before asking again"),
        ),
    }
}
