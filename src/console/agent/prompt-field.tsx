import type { ComponentChildren } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { Button } from '../parts/button.tsx'
import { Picture } from './blocks/picture.tsx'
import { type Draft, IMAGE_TYPES, type PromptImage } from './prompt-content.ts'
import { readImage } from './read-image.ts'
import './prompt-field.css'

interface PromptFieldProps {
  label: string
  /** True to show the label above the field. Otherwise it is only for assistive technology. */
  isLabeled?: boolean
  rows?: number
  placeholder?: string
  /** True while the prompt is being sent. */
  isFixed?: boolean
  /** Shown below the field, such as a button that sends the prompt. */
  children?: ComponentChildren
  draft: Draft
  onDraft(change: (draft: Draft) => Draft): void
  /** Called for each key, for example to send with Enter. */
  onKeyDown?: (event: KeyboardEvent) => void
}

/** A field for a prompt that grows with its text, and takes images by paste, drop, and choice. */
export function PromptField({ label, draft, onDraft, onKeyDown, children, ...look }: PromptFieldProps) {
  const { isLabeled = false, rows = 2, placeholder, isFixed = false } = look
  const field = useRef<HTMLTextAreaElement>(null)
  const [isOver, setOver] = useState(false)
  const [problem, setProblem] = useState<string>()
  const isEmpty = draft.text === '' && draft.images.length === 0
  useLayoutEffect(() => fit(field.current!), [draft.text])
  useEffect(() => setProblem(undefined), [isEmpty])
  const add = async (files: File[]) => {
    setProblem(undefined)
    for (const file of files)
      try {
        const image = await readImage(file)
        onDraft((now) => ({ ...now, images: [...now.images, image] }))
      } catch (error) {
        setProblem((error as Error).message)
      }
  }
  /** Takes the files of a paste or drop. Text goes its usual way. */
  const take = (event: Event, data: DataTransfer | null) => {
    setOver(false)
    const files = [...(data?.files ?? [])]
    if (files.length === 0 || isFixed) return
    event.preventDefault()
    void add(files)
  }
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset would need a visible legend
    <div
      role="group"
      aria-label={label}
      class={`prompt-field ${isOver ? 'prompt-field-over' : ''}`}
      onDragOver={(event) => {
        event.preventDefault()
        setOver(true)
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => take(event, event.dataTransfer)}
    >
      <label>
        <span class={isLabeled ? '' : 'unseen'}>{label}</span>
        <textarea
          ref={field}
          rows={rows}
          dir="auto"
          placeholder={placeholder}
          readOnly={isFixed}
          value={draft.text}
          onInput={({ currentTarget: { value } }) => onDraft((now) => ({ ...now, text: value }))}
          onPaste={(event) => take(event, event.clipboardData)}
          onKeyDown={onKeyDown}
        />
      </label>
      <Images
        images={draft.images}
        isFixed={isFixed}
        onRemove={(image) =>
          onDraft((now) => ({ ...now, images: now.images.filter((each) => each !== image) }))
        }
      />
      {problem !== undefined && (
        <p class="prompt-problem" role="alert">
          {problem}
        </p>
      )}
      <div class="prompt-bar">
        <AddImage isFixed={isFixed} onFiles={add} />
        {children}
      </div>
    </div>
  )
}

/** Makes a field as high as its text. The style limits the height. */
function fit(field: HTMLTextAreaElement) {
  field.style.height = 'auto'
  // In a dialog that is not shown yet, nothing has a height.
  if (field.scrollHeight === 0) return
  field.style.height = `${field.scrollHeight + field.offsetHeight - field.clientHeight}px`
}

interface ImagesProps {
  images: PromptImage[]
  isFixed: boolean
  onRemove(image: PromptImage): void
}

function Images({ images, isFixed, onRemove }: ImagesProps) {
  if (images.length === 0) return null
  return (
    <ul class="prompt-images" aria-label="Images of the prompt">
      {images.map((image, index) => (
        <li key={index}>
          <Picture picture={image} alt={`Number ${index + 1}`} />
          <button
            type="button"
            aria-label={`Remove image ${index + 1}`}
            disabled={isFixed}
            onClick={() => onRemove(image)}
          >
            ×
          </button>
        </li>
      ))}
    </ul>
  )
}

function AddImage({ isFixed, onFiles }: { isFixed: boolean; onFiles(files: File[]): Promise<void> }) {
  const input = useRef<HTMLInputElement>(null)
  return (
    <span>
      <input
        ref={input}
        type="file"
        hidden
        multiple
        accept={IMAGE_TYPES}
        aria-label="Images"
        onChange={({ currentTarget }) => {
          void onFiles([...(currentTarget.files ?? [])])
          currentTarget.value = ''
        }}
      />
      <Button look="quiet" disabled={isFixed} onClick={() => input.current?.click()}>
        Add an image
      </Button>
    </span>
  )
}
