//! Reading one reply: as a caller of `parse` has it, and as the machine does.
#![allow(missing_docs, reason = "criterion's macros")]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use volc_benches::{Verdicts, answer, ids, reply, waiting};
use volc_proto::ecs::DeleteImages;

fn parse(criterion: &mut Criterion) {
    for images in [1, 100] {
        for verdicts in [Verdicts::AllDeleted, Verdicts::AllFailed, Verdicts::Mixed] {
            let reply = reply(&ids(images), verdicts);
            criterion.bench_function(&format!("parse/{images}/{verdicts:?}"), |bencher| {
                bencher.iter(|| volc_proto::parse::<DeleteImages>(black_box(&reply)));
            });
            criterion.bench_function(&format!("answered/{images}/{verdicts:?}"), |bencher| {
                bencher.iter_batched(
                    || waiting(ids(images)),
                    |(mut deletion, attempt)| {
                        answer(&mut deletion, attempt, black_box(&reply));
                        deletion
                    },
                    BatchSize::SmallInput,
                );
            });
        }
    }
}

criterion_group!(benches, parse);
criterion_main!(benches);
