import {
  elementScroll,
  observeElementOffset,
  observeElementRect,
  type VirtualItem,
  Virtualizer,
  type VirtualizerOptions,
} from '@tanstack/virtual-core'
import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useReducer, useRef, useState } from 'preact/hooks'
import { Button } from '../parts/button.tsx'
import './windowed-list.css'

/** Distance from the end at which the list still follows the end, in pixels. */
const END_PX = 48
/** Number of items before an end of the list at which more items are requested. */
const NEAR = 10
/** Number of items that are drawn beyond each edge of the screen. */
const OVERSCAN = 6
/** Highest number of new items that the button shows. */
const MOST_NEW = 999

export interface WindowedListProps {
  /** Accessible name. */
  label: string
  count: number
  /** Returns an item's key, which identifies the item while other items are added or removed. */
  keyOf(index: number): string
  render(index: number): ComponentChildren
  /** Returns the height of an item that was not drawn yet, in pixels. */
  estimate(index: number): number
  /** True if the last item is the newest item. The list then follows the end until the reader scrolls up. */
  follow: boolean
  /** Number of new items after the last item, if `follow` is false. */
  missed?: number
  /** True while more items are being loaded. */
  busy?: boolean
  /** Called when the reader comes near the first item. */
  onReachTop?(): void
  /** Called when the reader comes near the last item, and `follow` is false. */
  onReachEnd?(): void
  /** Called when the reader wants to see the newest item, and `follow` is false. */
  onNewest?(): void
  /** Called with the first item on the screen; undefined while the list follows the end. */
  onPlace?(index: number | undefined): void
}

type List = Virtualizer<HTMLDivElement, HTMLElement>

/** A list of any length that draws only the items on the screen, and opens at its end. */
export function WindowedList(props: WindowedListProps) {
  const { label, count, keyOf, render, busy = false } = props
  const view = useRef<HTMLDivElement>(null)
  const list = useVirtualizer(props, view)
  const reader = useReader(props, list, view)
  const items = list.getVirtualItems()
  return (
    <div class="windowed-list">
      <div
        ref={view}
        class="windowed-list-view"
        role="feed"
        aria-label={label}
        aria-busy={busy}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a person without a mouse scrolls with the keyboard
        tabIndex={0}
        onScroll={reader.onScroll}
        onKeyDown={reader.onKeyDown}
      >
        <div class="windowed-list-all" role="none" style={{ height: `${list.getTotalSize()}px` }}>
          <div role="none" style={{ transform: `translateY(${items[0]?.start ?? 0}px)` }}>
            {items.map(({ key, index }) =>
              index < count ? (
                <article
                  key={String(key)}
                  ref={list.measureElement}
                  data-index={index}
                  aria-posinset={index + 1}
                  aria-setsize={-1}
                >
                  {render(index)}
                </article>
              ) : null,
            )}
          </div>
        </div>
      </div>
      {!reader.isFollowing && (
        <div class="windowed-list-jump">
          <Button onClick={reader.jump}>{jumpText(newItems(props, reader.lastSeen, keyOf))}</Button>
        </div>
      )}
    </div>
  )
}

function jumpText(count: number): string {
  if (count === 0) return 'Jump to newest'
  return `Jump to newest (${count > MOST_NEW ? `${MOST_NEW}+` : count} new)`
}

/** Returns the number of items after the item with the key `lastSeen`. */
function newItems(
  { count, missed = 0 }: WindowedListProps,
  lastSeen: string | undefined,
  keyOf: (index: number) => string,
) {
  if (lastSeen === undefined) return missed
  let added = 0
  while (added < count && added <= MOST_NEW && keyOf(count - 1 - added) !== lastSeen) added++
  return (added === count ? 0 : added) + missed
}

/** Connects a virtualizer with the component: the component is drawn again when other items are on the screen. */
function useVirtualizer(props: WindowedListProps, view: { current: HTMLDivElement | null }): List {
  const [, draw] = useReducer((n: number, _: undefined) => n + 1, 0)
  const latest = useRef(props)
  const options: VirtualizerOptions<HTMLDivElement, HTMLElement> = {
    count: props.count,
    getScrollElement: () => view.current,
    // These functions stay the same, because the virtualizer measures all items again for another function.
    estimateSize: useStable((index: number) => latest.current.estimate(index)),
    getItemKey: useStable((index: number) => latest.current.keyOf(index)),
    // A guess, with which the first items are drawn at once.
    initialRect: { width: 0, height: innerHeight },
    observeElementRect,
    observeElementOffset,
    scrollToFn: elementScroll,
    overscan: OVERSCAN,
    anchorTo: 'end',
    followOnAppend: props.follow,
    scrollEndThreshold: END_PX,
    onChange: () => draw(undefined),
  }
  const [list] = useState<List>(() => {
    const created: List = new Virtualizer(options)
    created.shouldAdjustScrollPositionOnItemSizeChange = isAbove
    return created
  })
  // Takes the positions of the previous items, whose keys the new properties may not know.
  list.getTotalSize()
  latest.current = props
  list.setOptions(options)
  const isOpen = useRef(false)
  if (!isOpen.current && props.count > 0) {
    isOpen.current = true
    // The first items to draw are those at the end.
    const height = list.scrollRect?.height ?? innerHeight
    if (props.follow) list.scrollOffset = Math.max(0, list.getTotalSize() - height)
  }
  useLayoutEffect(() => list._didMount(), [list])
  useLayoutEffect(() => list._willUpdate())
  return list
}

/**
 * Reports whether the list scrolls when an item gets another height, so that the items on the screen stay in place. An
 * item that reaches into the screen grows at its end, but the height of an item that was never drawn was a guess.
 */
function isAbove({ key, start, end }: VirtualItem, _delta: number, list: List): boolean {
  const top = list.scrollOffset ?? 0
  return list.itemSizeCache.has(key) ? end <= top : start < top
}

const useStable = <T,>(value: T): T => useRef(value).current

/** Returns the position of an item, in pixels. */
const startOf = (list: List, index: number) =>
  list.measurementsCache[index]?.start ?? Number.POSITIVE_INFINITY

/** Follows the end of the list, or the reader who has left it. */
function useReader(props: WindowedListProps, list: List, view: { current: HTMLDivElement | null }) {
  const { count, follow, keyOf } = props
  const [isFollowing, setFollowing] = useState(true)
  /** Key of the newest item when the reader left the end. */
  const lastSeen = useRef<string | undefined>(undefined)
  const before = useRef({ top: 0, height: 0 })
  /** True until the list is at its end, at first or after the reader has asked for it. */
  const wantsEnd = useRef(true)
  /** Keys at which more items were requested. */
  const asked = useRef<{ top?: string | undefined; end?: string | undefined }>({})

  useLayoutEffect(() => {
    if (!wantsEnd.current || !follow || count === 0) return
    wantsEnd.current = false
    list.scrollToEnd()
  })
  useLayoutEffect(() => {
    const { range } = list
    if (!range || count === 0) return
    // Until the list is at its end for the first time, the range is that of its beginning.
    const isNearTop = range.startIndex < NEAR && view.current!.scrollTop <= startOf(list, NEAR)
    const isNearEnd = !follow && range.endIndex >= count - NEAR
    const [top, end] = [isNearTop ? keyOf(0) : undefined, isNearEnd ? keyOf(count - 1) : undefined]
    const last = asked.current
    asked.current = { top, end }
    if (top !== undefined && top !== last.top && !wantsEnd.current) props.onReachTop?.()
    if (end !== undefined && end !== last.end) props.onReachEnd?.()
    props.onPlace?.(isFollowing && follow ? undefined : range.startIndex)
  })

  const onScroll = () => {
    const { scrollTop: top, scrollHeight: height, clientHeight } = view.current!
    const isAtEnd = height - top - clientHeight <= END_PX
    // If the list became shorter, the browser has scrolled, not the reader.
    const isUp = top < before.current.top && height >= before.current.height
    before.current = { top, height }
    if (isAtEnd && follow) setFollowing(true)
    else if (isUp && !isAtEnd) leave()
  }
  const leave = () => {
    if (isFollowing) lastSeen.current = count > 0 ? keyOf(count - 1) : undefined
    setFollowing(false)
  }
  const jump = () => {
    view.current?.focus({ preventScroll: true })
    setFollowing(true)
    if (follow) list.scrollToEnd()
    else {
      wantsEnd.current = true
      props.onNewest?.()
    }
  }
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.target !== event.currentTarget || event.ctrlKey || event.altKey || event.metaKey) return
    if (event.key !== 'Home' && event.key !== 'End') return
    event.preventDefault()
    if (event.key === 'End') return jump()
    leave()
    list.scrollToIndex(0)
  }
  return { isFollowing: isFollowing && follow, lastSeen: lastSeen.current, onScroll, onKeyDown, jump }
}
