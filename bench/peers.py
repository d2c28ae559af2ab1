"""Figures of other timers: same harness, same workloads, another two-core machine, November 2026."""

PEERS = (
    # peer, creates/s, (a) p50 / p99 / max, (b) p50 / p99 / max, (c) p50 / max, memory MB
    ("harness alone, no durability", "", "0.2 / 1.3 / 4", "", "45 / 60", ""),
    ("APScheduler 3.11, SQLite, in-process", "183-341", "2 / 5 / 22", "", "2,508-2,975 / 4,789-5,879", "47"),
    ("Restate 1.7.12", "2,463-4,249", "12-18 / 41-50 / 44-62", "10 / 32 / 47", "1,584-1,801 / 2,026-2,274", "305-463"),
    ("BullMQ on Redis, fsync always", "4,876-15,540", "49 / 97 / 99", "47 / 95 / 121", "403-672 / 662-1,010", "14-91"),
    (
        "NATS 2.15 schedules, fsync always",
        "4,836-6,174",
        "133 / 259 / 271",
        "143-153 / 275-316 / 332-404",
        "372-390 / 766-796",
        "23-114",
    ),
    (
        "Temporal dev server 1.32, SQLite, tuned",
        "111-130",
        "83-116 / 179-572 / 762-1,043",
        "",
        "6,957 / 19,236",
        "270",
    ),
    (
        "DBOS 3.4 on PostgreSQL 15",
        "749-1,159",
        "1,195-1,354 / 1,997-2,041 / 2,105-2,350",
        "1,482 / 2,826 / 3,782",
        "5,588-5,811 / 12,106-12,912",
        "64 + PostgreSQL",
    ),
    (
        "EventBridge Scheduler, by its documentation",
        "5,000 quota",
        "30,000 / 60,000 / 60,000",
        "",
        "2,000 / 60,000",
        "",
    ),
)
