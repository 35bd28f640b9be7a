//! What must hold of every way, whatever the kernel: the same rows over each, with the client library at one end, a real
//! supervisor at the other, and between them a link that does what links do.
//!
//! | file | what is asked |
//! |---|---|
//! | `cuts.rs` | once, and nothing lost, when links are cut anywhere |
//! | `load.rs` | interrupts in a flood, input, links that are slow, clients that do not read |
//! | `peers.rs` | other versions, frames that are too large, garbage inside the way and outside |
//! | `silent.rs` | links on which nothing is heard any more |

mod cuts;
mod load;
mod peers;
mod scene;
mod silent;

/// A test for each row by each way.
macro_rules! each {
    ($($way:ident $name:ident: $($row:ident::$test:ident),*;)*) => {
        $(mod $name {
            $(
                #[test]
                fn $test() {
                    crate::world::play(super::$row::$test(super::scene::Scene::new(crate::ways::Way::$way)));
                }
            )*
        })*
    };
}

/// All rows, for ways on which links can be cut.
macro_rules! ways {
    ($($way:ident $name:ident),*) => {
        each! {
            $($way $name: cuts::once, cuts::a_large_output, cuts::a_thousand_small_evals, load::an_interrupt_in_a_flood, load::input,
                load::slow, load::one_stalls, peers::versions, peers::oversize, peers::garbage;)*
        }
    };
}

ways!(
    Direct directly, Memory inside_a_process, Unix through_a_daemon, Exec through_a_command, Ws over_a_websocket,
    Wss over_a_websocket_with_tls, Http over_requests_of_http, Ssh over_ssh, Sshd over_the_stock_sshd
);
