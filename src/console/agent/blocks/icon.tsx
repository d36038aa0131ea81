import type { ToolIcon } from './tool-facts.ts'

/** Lines of the icons, in a square of 24 units. */
const LINES: Readonly<Record<ToolIcon, string>> = {
  terminal: 'M4 6l6 6-6 6M12 18h8',
  file: 'M7 3h7l5 5v13H7zM14 3v5h5',
  pencil: 'M4 20l1-5L16 4l4 4L9 19zM14 6l4 4',
  search: 'M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.5L21 21',
  globe: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM3 12h18M12 3c5 6 5 12 0 18M12 3c-5 6-5 12 0 18',
  list: 'M4 6l1.5 1.5L8 5M4 13l1.5 1.5L8 12M11 6.5h9M11 13.5h9M11 19.5h9M5 19.5h1',
  agent: 'M12 4v4M6 8h12v10H6zM9.5 12v2M14.5 12v2M3 12v3M21 12v3',
  question: 'M9 9a3 3 0 1 1 4 2.8c-.8.4-1 1-1 2.2M12 18h.01M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z',
  plan: 'M6 3h12v18H6zM9.5 8h5M9.5 12h5M9.5 16h3',
  tool: 'M14 4a5 5 0 0 0-4 7l-6 6 3 3 6-6a5 5 0 0 0 7-5l-3 2-3-3z',
}

/** An icon for the kind of tool. The tool's name follows it. */
export const Icon = ({ name }: { name: ToolIcon }) => (
  <svg class="tool-icon" viewBox="0 0 24 24" aria-hidden="true">
    <path d={LINES[name]} />
  </svg>
)
