"""Measure how well search finds the right runbook."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from knowledge import bench


class Command(BaseCommand):
    help = __doc__ or ""

    def handle(self, *args: Any, **options: Any) -> None:
        found = bench.measure()
        self.stdout.write(
            f"{found.questions} questions: recall@1 {found.recall_at_1:.2f}, recall@3 {found.recall_at_3:.2f}, "
            f"MRR {found.mrr:.3f}; silent on {found.quiet:.0%} of those without an answer; "
            f"{found.median_ms:.0f} ms at the median"
        )
        for line in found.missed:
            self.stdout.write(f"  {line}")
