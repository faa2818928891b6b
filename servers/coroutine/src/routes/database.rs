//! `/db`: rows of the database, an order that is written to it, a row by way of the cache.

use std::pin::pin;
use std::time::Duration;

use database::CacheCommand;
use spec::{Answer, DATABASE_LIMIT_MS, DatabaseError, DatabaseWork, Failure, queried_ids};

use crate::Server;
use crate::runtime::Runtime;

pub(crate) async fn answer<R: Runtime>(server: &Server<R>, work: DatabaseWork) -> Answer {
    let limit = Duration::from_millis(DATABASE_LIMIT_MS);
    // Pinned here: moved into the time limit, there would be room for it several times.
    let answering = pin!(try_answer(server, work));
    R::timeout(limit, answering)
        .await
        .unwrap_or(Err(DatabaseError::Silent))
        .unwrap_or_else(|error| Failure::from(error).answer())
}

async fn try_answer<R: Runtime>(
    server: &Server<R>,
    work: DatabaseWork,
) -> Result<Answer, DatabaseError> {
    match work {
        DatabaseWork::Cached { id } => cached(server, id).await,
        work => ask(server, work).await,
    }
}

/// All on one connection, which is closed where something fails.
async fn ask<R: Runtime>(server: &Server<R>, work: DatabaseWork) -> Result<Answer, DatabaseError> {
    let database = server.database.as_ref().ok_or(DatabaseError::NoPostgres)?;
    let _turn = database.turn().await;
    let mut connection = database.connection().await?;
    let answer = match work {
        DatabaseWork::Product { id } | DatabaseWork::Cached { id } => {
            Answer::product(&connection.product(id).await?)
        }
        DatabaseWork::Products { id } => Answer::products(&connection.products(id).await?),
        DatabaseWork::Queries { id } => {
            let mut products = Vec::new();
            for id in queried_ids(id) {
                products.push(connection.product(id).await?);
            }
            Answer::products(&products)
        }
        DatabaseWork::Order(order) => {
            connection.insert(&order).await?;
            Answer::order(&order)
        }
    };
    database.put_back(connection);
    Ok(answer)
}

async fn cached<R: Runtime>(server: &Server<R>, id: u32) -> Result<Answer, DatabaseError> {
    let cache = server.cache.as_ref().ok_or(DatabaseError::NoRedis)?;
    if let Some(body) = cache.ask(CacheCommand::Get { id }).await? {
        return Ok(Answer::cached(body));
    }
    let answer = ask(server, DatabaseWork::Product { id }).await?;
    let body = &answer.body;
    cache.ask(CacheCommand::Set { id, body }).await?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use spec::{PostgresAccess, Settings};
    use tokio::net::TcpListener;
    use tokio::time::Instant;

    use super::*;
    use crate::runtime::Tokio;

    #[tokio::test(start_paused = true)]
    async fn a_database_that_says_nothing_is_given_up_at_the_limit() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut settings = Settings::new(([127, 0, 0, 1], 0).into());
        settings.postgres = Some(PostgresAccess {
            addr: listener.local_addr().unwrap(),
            user: "bench".into(),
            password: String::new(),
            database: "bench".into(),
        });
        let server = Server::new(&settings, Tokio::CurrentThread, serving::Pool::new(1));
        let start = Instant::now();
        let answer = answer(&server, DatabaseWork::Product { id: 1 }).await;
        assert_eq!(start.elapsed(), Duration::from_millis(DATABASE_LIMIT_MS));
        assert_eq!(answer, Failure::from(DatabaseError::Silent).answer());
    }
}
