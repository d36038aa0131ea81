import { visibleLine } from './visible.ts'

interface NameProps {
  /** A name or sentence of a machine, an agent, or a person. */
  text: string
  class?: string
}

/** Foreign text on one line. It cannot change or reverse the words of the page next to it. */
export const Name = ({ text, class: look }: NameProps) => <bdi class={look}>{visibleLine(text)}</bdi>
