import { clean } from './clean.ts'

/** Writes one text whose parts arrive one after another. */
export interface Writing {
  /** @returns the output for the next part of the text; a part of it may be held back until more text arrives */
  add(text: string): string
  /** @returns the output that was held back; the next part then begins on a new row */
  flush(): string
}

/** Writes a text unchanged. */
export const plainWriting = (style: (text: string) => string): Writing => ({
  add: (text) => style(clean(text)),
  flush: () => '',
})
