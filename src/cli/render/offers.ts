import { offersOf } from '../../client/offers.ts'
import { Reveal } from '../../client/reveal-hidden.ts'
import type { PermissionRequest } from '../../protocol/index.ts'
import type { Colors } from './ansi.ts'
import { layOut } from './layout.ts'

/** Formats the offers of a request, one per line; returns an empty text if there are no offers. */
export function offersText(request: PermissionRequest, { dim, yellow }: Colors, width?: number): string {
  const offers = offersOf(request)
  if (offers.length === 0) return ''
  const reveal = new Reveal()
  const rows = layOut(
    [
      { head: '  ', text: 'It offers to remember:', style: dim },
      ...offers.map(({ kind, text, saved }) => ({
        head: '  - ',
        text: `${kind}: ${reveal.line(text)}${saved === undefined ? '' : ` (save: in ${reveal.line(saved)})`}`,
        style: dim,
      })),
    ],
    width,
  )
  const hidden = reveal.summary()
  return [
    ...rows,
    ...(hidden === undefined ? [] : layOut([{ head: '! ', text: hidden, style: yellow }], width)),
  ].join('\n')
}
