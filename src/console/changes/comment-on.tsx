import { useEffect, useRef, useState } from 'preact/hooks'
import { Button } from '../parts/button.tsx'
import { type Comment, keepComment } from './comments.ts'

interface CommentOnProps {
  /** Identifies the agent. */
  agent: string
  place: Omit<Comment, 'text'>
  /** The comment that the person has already made. */
  comment: Comment | undefined
  /** True while the person writes. */
  isOpen: boolean
  onOpen(isOpen: boolean): void
}

/** A comment on a line: its text, or the field for it. */
export function CommentOn({ agent, place, comment, isOpen, onOpen }: CommentOnProps) {
  if (isOpen) return <Editor {...{ agent, place, comment, onOpen }} />
  return (
    <div class="change-comment">
      <p dir="auto">{comment?.text}</p>
      <div class="change-comment-bar">
        <Button look="quiet" onClick={() => onOpen(true)}>
          Edit
        </Button>
        <Button look="quiet" onClick={() => keepComment(agent, { ...place, text: '' })}>
          Remove comment
        </Button>
      </div>
    </div>
  )
}

function Editor({ agent, place, comment, onOpen }: Omit<CommentOnProps, 'isOpen'>) {
  const [text, setText] = useState(comment?.text ?? '')
  const field = useRef<HTMLTextAreaElement>(null)
  useEffect(() => field.current?.focus(), [])
  const keep = () => {
    keepComment(agent, { ...place, text })
    onOpen(false)
  }
  return (
    <form
      class="change-comment"
      onSubmit={(event) => {
        event.preventDefault()
        keep()
      }}
    >
      <textarea
        ref={field}
        aria-label="Your comment"
        rows={3}
        dir="auto"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') onOpen(false)
          if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) keep()
        }}
      />
      <div class="change-comment-bar">
        <Button onClick={() => onOpen(false)}>Cancel</Button>
        <Button look="main" type="submit">
          Keep comment
        </Button>
      </div>
    </form>
  )
}
