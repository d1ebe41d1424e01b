import { type ReactNode, useEffect, useRef } from "react";

interface Props {
  title: ReactNode;
  label: string;
  onClose: () => void;
  children: ReactNode;
  testid?: string;
}

/** What opens beside the graph; closed, it gives the focus back to where it came from. */
export function Drawer({ title, label, onClose, children, testid = "panel" }: Props) {
  const heading = useRef<HTMLHeadingElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another subject takes the focus again
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    heading.current?.focus({ preventScroll: true });
    return () => before?.focus({ preventScroll: true });
  }, [label]);
  return (
    <aside className={`drawer ${testid}`} aria-label={label} data-testid={testid}>
      <div className="drawer-head">
        <h2 ref={heading} tabIndex={-1}>
          {title}
        </h2>
        <button
          type="button"
          className="button quiet"
          onClick={onClose}
          aria-label="Close"
          data-testid={`${testid}-close`}
        >
          ×
        </button>
      </div>
      <div className="drawer-body">{children}</div>
    </aside>
  );
}
