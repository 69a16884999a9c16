// Making and keeping elements. Texts become text nodes and nothing else: no markup is ever parsed, so whatever the
// network says stays a text. The pages are served with Trusted Types that allow no exception.

export type Child = Node | string | null | undefined | false;

type Props<K extends keyof HTMLElementTagNameMap> = {
  class?: string;
  on?: { [E in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[E]) => void };
  aria?: Record<string, string>;
  data?: Record<string, string>;
} & Partial<Omit<HTMLElementTagNameMap[K], "style" | "children" | "dataset">>;

/** An element with its properties, listeners and children. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props<K> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  const { class: names, on, aria, data, ...rest } = props;
  if (names) element.className = names;
  for (const [name, value] of Object.entries(aria ?? {})) element.setAttribute(`aria-${name}`, value);
  for (const [name, value] of Object.entries(data ?? {})) element.dataset[name] = value;
  for (const [name, listener] of Object.entries(on ?? {})) {
    element.addEventListener(name, listener as EventListener);
  }
  Object.assign(element, rest);
  element.append(...present(children));
  return element;
}

/** Replaces what stands in an element. */
export function fill(element: Element, ...children: Child[]): void {
  element.replaceChildren(...present(children));
}

function present(children: Child[]): (Node | string)[] {
  return children.filter((c): c is Node | string => c !== null && c !== undefined && c !== false);
}

/** Sets a text only where it is another one, so that nothing is announced or laid out anew for nothing. */
export function say(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Sets an attribute, or takes it away. */
export function mark(element: Element, name: string, value: string | null): void {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** What a list shows: a key for the element to be found by, and what it was made from. */
export interface Item<T> {
  key: string;
  value: T;
}

/** Keeps a list's elements in step with its items: those that are the same stay, with focus and selection. */
export class List<T> {
  private shown = new Map<string, { element: HTMLElement; value: T }>();

  constructor(
    private parent: HTMLElement,
    private make: (value: T, key: string) => HTMLElement,
    private same: (a: T, b: T) => boolean = (a, b) => a === b,
  ) {}

  show(items: Item<T>[]): void {
    const before = this.shown;
    this.shown = new Map();
    let at: ChildNode | null = this.parent.firstChild;
    for (const { key, value } of items) {
      const known = before.get(key);
      before.delete(key);
      let element = known?.element;
      if (!known || !this.same(known.value, value)) {
        const fresh = this.make(value, key);
        if (element) {
          const focused = element.contains(document.activeElement);
          if (at === element) at = element.nextSibling;
          element.replaceWith(fresh);
          if (focused) fresh.focus();
          if (fresh.nextSibling === at) {
            this.shown.set(key, { element: fresh, value });
            continue;
          }
        }
        element = fresh;
      }
      this.shown.set(key, { element: element as HTMLElement, value });
      if (element === at) at = at?.nextSibling ?? null;
      else this.parent.insertBefore(element as HTMLElement, at);
    }
    for (const gone of before.values()) gone.element.remove();
  }

  element(key: string): HTMLElement | undefined {
    return this.shown.get(key)?.element;
  }
}
