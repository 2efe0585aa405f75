//! Prints how often each signer allocates for 1 and for 100 IDs. A program of its own: a counting allocator takes time.
#![allow(clippy::print_stdout, reason = "a program that talks to its caller")]

use volc_peers::sign::signers;

fn main() {
    for ((name, one), (_, hundred)) in signers(1).into_iter().zip(signers(100)) {
        let [one, hundred] = [one, hundred].map(|sign| {
            sign(); // what is made once is not counted
            allocation_counter::measure(sign).count_total
        });
        println!("{name}\t{one}\t{hundred}");
    }
}
