//! The machine alone, from its first step to its report.
#![allow(missing_docs, reason = "criterion's macros")]

use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use volc_benches::{ids, replies, run};
use volc_proto::ecs::{Deletion, Policy, Snapshots};

fn deletion(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("deletion");
    group.sample_size(10).measurement_time(Duration::from_secs(10));
    for images in [1_000, 100_000, 1_000_000] {
        let ids = ids(images);
        let replies = replies(&ids);
        group.throughput(Throughput::Elements(images as u64));
        group.bench_function(images.to_string(), |bencher| {
            bencher.iter_batched(
                || ids.clone(),
                |ids| run(Deletion::new(ids, Snapshots::Keep, Policy::default()).expect("images"), &replies),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, deletion);
criterion_main!(benches);
