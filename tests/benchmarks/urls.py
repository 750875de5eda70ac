"""The product's addresses and, only while a benchmark runs, the yardsticks."""

from django.urls import path

from config import urls as product
from tests.benchmarks import row_locks, yardsticks

urlpatterns = [
    path("api/benchmark/empty-user", yardsticks.EmptyUserView.as_view()),
    path("api/benchmark/empty-seat", yardsticks.EmptySeatView.as_view()),
    path("api/benchmark/row-lock-acquire", row_locks.RowLockAcquireView.as_view()),
    path("api/benchmark/row-lock-release", row_locks.RowLockReleaseView.as_view()),
    path("api/benchmark/row", yardsticks.insert_row),
    path("api/benchmark/process", yardsticks.process_id),
    *product.urlpatterns,
]

handler400 = product.handler400
handler403 = product.handler403
handler404 = product.handler404
handler500 = product.handler500
