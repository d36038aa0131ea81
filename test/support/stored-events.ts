import { BEGINNING } from '../../src/hub/store/event-id.ts'
import type { EventJournal } from '../../src/hub/store/files/event-journal.ts'
import { JournalReader } from '../../src/hub/store/files/journal-reader.ts'
import type { AnyEvent } from '../../src/protocol/index.ts'

/** Returns all events of a journal that are on the disk. */
export async function storedEvents(journal: EventJournal): Promise<AnyEvent[]> {
  const reader = new JournalReader(journal, BEGINNING)
  const all: AnyEvent[] = []
  for (let isEnd = false; !isEnd; ) {
    const batch = await reader.next()
    all.push(...batch.events)
    isEnd = batch.isEnd
  }
  return all
}
