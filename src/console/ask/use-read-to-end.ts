import type { RefObject } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'

/** Time for which a sheet is open before anything can be allowed, in milliseconds: the second press of a double click may hit a button of the sheet. */
const SETTLE_MS = 500

/**
 * Reports whether the end of a sheet's content has been on the screen, above the bar with the answers, since
 * `what` last changed. If the content grows, its new end must be on the screen. Nothing counts while a part of the
 * content is busy, or while the sheet has just opened. The returned reference belongs to an element at the end of the
 * content.
 */
export function useReadToEnd(what: unknown): { end: RefObject<HTMLDivElement | null>; isRead: boolean } {
  const end = useRef<HTMLDivElement>(null)
  const [read, setRead] = useState<unknown>()
  useEffect(() => {
    const { current } = end
    const sheet = current?.closest('dialog')
    if (!current || !sheet) return
    let seenAt = 0
    const settled = performance.now() + SETTLE_MS
    const look = () => {
      if (performance.now() < settled || sheet.querySelector('[aria-busy="true"]')) return setRead(undefined)
      const limit = sheet.querySelector('.answer-bar') ?? sheet
      const { top, bottom } = limit.getBoundingClientRect()
      if (current.getBoundingClientRect().bottom <= (limit === sheet ? bottom : top)) {
        seenAt = current.offsetTop
        setRead(what)
      } else if (current.offsetTop > seenAt) setRead(undefined)
    }
    const sizes = new ResizeObserver(look)
    sizes.observe(sheet)
    const changes = new MutationObserver(look)
    changes.observe(sheet, {
      childList: true,
      characterData: true,
      subtree: true,
      attributeFilter: ['aria-busy'],
    })
    sheet.addEventListener('scroll', look, { passive: true })
    const timer = setTimeout(look, SETTLE_MS)
    return () => {
      clearTimeout(timer)
      sizes.disconnect()
      changes.disconnect()
      sheet.removeEventListener('scroll', look)
    }
  }, [what])
  return { end, isRead: read === what }
}
