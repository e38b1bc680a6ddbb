//! `POST /admin/v1/backups`: a backup of this node's books.

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};

use super::changes::Admin;
use super::routes::Answer;
use crate::backups::BackupMade;
use crate::problem::{self, Problem};

/// The path about backups.
pub(super) fn router() -> Router<Admin> {
    Router::new().route("/admin/v1/backups", post(make))
}

async fn make(State(admin): State<Admin>) -> Answer<BackupMadeAnswer> {
    let made = admin.backups.back_up().await;
    made.map(Json)
        .map_err(|error| Problem::new(problem::NO_BACKUP, error))
}

type BackupMadeAnswer = Json<BackupMade>;
