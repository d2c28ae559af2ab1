"""The stores, over one DynamoDB table."""

from __future__ import annotations

from minoots_kernel.adapters.dynamodb.dead_letter_store import DynamoDeadLetterStore
from minoots_kernel.adapters.dynamodb.key_store import DynamoKeyStore
from minoots_kernel.adapters.dynamodb.parked_record_store import DynamoParkedRecordStore
from minoots_kernel.adapters.dynamodb.timer_store import DynamoTimerStore

__all__ = ["DynamoDeadLetterStore", "DynamoKeyStore", "DynamoParkedRecordStore", "DynamoTimerStore"]
