import type { MouseEvent, ReactNode } from "react";

import { usePath } from "../route";

/** A link inside the app: a click stays on the page, everything else is the browser's. */
export function Link(props: { to: string; className?: string; current?: boolean; children: ReactNode }) {
  const [, go] = usePath();
  const follow = (event: MouseEvent) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(props.to);
  };
  return (
    <a href={props.to} className={props.className} aria-current={props.current ? "page" : undefined} onClick={follow}>
      {props.children}
    </a>
  );
}
