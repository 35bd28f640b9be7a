//! What a session's kernels find: the folder, the environment, what the session was made to have. Found out once, when the supervisor
//! starts, and the same for each life that it owns.
//!
//! The environment that a client gave lives in the supervisor's process and nowhere else. So it is gone with that process, and the next
//! supervisor says which names it had.

use crate::home::agent::AGENT_VARIABLE;
use crate::home::leftover::SESSION_VARIABLE;
use crate::home::{Home, SessionHome, Spec};
use rialto_protocol::kernel::Launch;
use std::collections::BTreeSet;
use std::path::Path;

/// Set for a supervisor whose session's creator gave it an environment, by whoever starts it: the values are there.
pub(crate) const GIVEN_VARIABLE: &str = "RIALTO_GIVEN";

/// How to start the kernels, and what is to be said about it.
pub(super) async fn of(spec: &Spec, home: &Home, place: &SessionHome, fresh: bool) -> (Launch, Vec<String>) {
    let mut env = std::collections::BTreeMap::new();
    env.insert(SESSION_VARIABLE.to_owned(), spec.id.to_string());
    // A start without it is slower, and no worse.
    let cache = home.cache().ok().and_then(|folder| folder.to_str().map(str::to_owned));
    let Spec { kernel, program, cwd, setup, .. } = spec.clone();
    let mut launch = Launch { kernel, program, cwd, env, cache, setup };
    let given: BTreeSet<String> = spec.given.iter().cloned().collect();
    if !given.contains(AGENT_VARIABLE)
        && let Some(agent) = place.agent()
    {
        // Nobody with an agent came yet: the one that is in our own environment will do.
        if let (false, Some(own)) = (agent.exists(), std::env::var_os(AGENT_VARIABLE)) {
            let _ = place.point_agent(Path::new(&own));
        }
        launch.env.insert(AGENT_VARIABLE.to_owned(), agent.to_string_lossy().into_owned());
    }
    let mut notes = rialto_kernels::settle(&mut launch, &given).await;
    if std::env::var_os(GIVEN_VARIABLE).is_some() {
        // In our own environment already; named, so that what a kind of kernel sets by itself (TERM, a pager) does not stand above it.
        for name in &given {
            if let (false, Ok(value)) = (launch.env.contains_key(name), std::env::var(name)) {
                launch.env.insert(name.clone(), value);
            }
        }
    }
    if !fresh && !given.is_empty() && std::env::var_os(GIVEN_VARIABLE).is_none() {
        let names: Vec<&str> = given.iter().map(String::as_str).collect();
        notes.push(format!(
            "the environment it was given ({}) was not kept when its supervisor ended, and is not set any more",
            names.join(", ")
        ));
    }
    (launch, notes)
}
