import type { ComponentChildren } from 'preact'
import { safeAddress } from '../../parts/safe-address.ts'
import { visibleLine } from '../../parts/visible.ts'

/** A link that an agent wrote. Its address shows on hover; an address of another kind is shown as text. */
export function ForeignLink({ address, children }: { address: string; children: ComponentChildren }) {
  const safe = safeAddress(address)
  if (safe === undefined)
    return (
      <bdi>
        {children} ({visibleLine(address)})
      </bdi>
    )
  return (
    <a href={safe} title={safe} target="_blank" rel="noopener noreferrer">
      <bdi>{children}</bdi>
    </a>
  )
}
