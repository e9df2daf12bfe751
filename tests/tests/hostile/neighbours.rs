//! Whichever way one tenant presses, the others get right answers, and keep exactly their own rows.

use futures_util::future::join_all;
use meanwhile_tests::hostile::neighbours::compare;
use meanwhile_tests::hostile::pressure::{Crowd, PRESSES};

const NEIGHBOURS: usize = 3;
const ROUNDS: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn under_every_pressure_the_others_work_on_and_see_themselves_alone() {
    let mut crowd = Crowd::new(NEIGHBOURS).await;
    for press in PRESSES {
        let pressure = crowd.press(press).await;
        // A round holds each of its answers against what it asked for.
        join_all(crowd.neighbours.iter_mut().map(|neighbour| async {
            for _ in 0..ROUNDS {
                neighbour.round().await;
            }
        }))
        .await;
        crowd.release(pressure).await;
    }
    crowd.host.shutdown().await;
    compare(&crowd.file(), &crowd.neighbours);
}
