;;; replwire-tests.el --- Each row of what the plugin can do, in a real Emacs  -*- lexical-binding: t; -*-

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'python)
(require 'flymake)
(require 'replwire)

(defvar measured "" "What the report says of times.")
(defconst server (split-string (getenv "REPLWIRE")))
(defconst python (car (process-lines "python3" "-c" "import os, sys; print(os.path.realpath(sys.executable))")))
(defvar replwire-tests--folder nil)

(setq enable-local-variables nil
      revert-without-query '(".")
      vc-handled-backends nil
      make-backup-files nil
      create-lockfiles nil)

(defun wait-until (what)
  "Wait until the function WHAT returns something; return it."
  (let ((end (+ (float-time) 60)) found)
    (while (not (or (setq found (funcall what)) (> (float-time) end)))
      (accept-process-output nil 0.01))
    (or found
        (error "Waited in vain; inputs %S, asking %S, keys %S, output: %s"
               (replwire-session-inputs (session)) replwire-show--asking unread-command-events
               (substring-no-properties (or (ignore-errors (output)) ""))))))

(defmacro until (&rest body)
  "Wait until BODY returns something."
  `(wait-until (lambda () ,@body)))

(defmacro editing (lines &rest body)
  "Edit a file a.py of LINES and run BODY there; the session ends with it."
  (declare (indent 1))
  `(let* ((folder (file-name-as-directory (file-truename (make-temp-file "replwire" t))))
          (replwire-tests--folder folder)
          (replwire-command server)
          (replwire-options replwire-options)
          (replwire-sessions replwire-sessions)
          (replwire-wait 30))
     (clrhash replwire-sessions)
     (write-region "" nil (concat folder "pyproject.toml") nil 'silent)
     (open-file "a.py" ,lines)
     (unwind-protect
         (progn ,@body)
       (maphash (lambda (_ session)
                  (setf (replwire-session-stopped session) t)
                  (unless (replwire-session-branch session)
                    (ignore-errors (kill-process (replwire-session-process session)))))
                replwire-sessions)
       (dolist (buffer (buffer-list))
         (when (and (buffer-file-name buffer) (string-prefix-p folder (buffer-file-name buffer)))
           (with-current-buffer buffer (set-buffer-modified-p nil))
           (kill-buffer buffer))
         (when (string-prefix-p "*replwire" (buffer-name buffer))
           (kill-buffer buffer)))
       (delete-other-windows)
       (delete-directory folder t))))

(defun open-file (name lines)
  "Edit the file NAME of LINES."
  (let ((path (concat replwire-tests--folder name)))
    (make-directory (file-name-directory path) t)
    (write-region (concat (string-join lines "\n") "\n") nil path nil 'silent)
    (switch-to-buffer (find-file-noselect path))
    (replwire-mode 1)))

(defun go-to (line &optional column)
  "Go to LINE and COLUMN."
  (goto-char (point-min))
  (forward-line (1- line))
  (forward-char (or column 0)))

(defun run-lines (first last)
  "Run the lines FIRST to LAST."
  (replwire-send (progn (go-to first) (point)) (progn (go-to last) (line-end-position))))

(defun session ()
  "The session of the buffer, dead or alive."
  (gethash (replwire--key) replwire-sessions))

(defun output ()
  "What the session has shown."
  (with-current-buffer (replwire-session-view (session)) (buffer-string)))

(defun shows (text)
  "Wait until the output has TEXT."
  (until (and (session) (string-search text (output)))))

(defun idle ()
  "Wait until nothing runs."
  (until (and (replwire-current) (eq (replwire-session-state (replwire-current)) 'idle))))

(defun inline (line)
  "What stands behind LINE."
  (save-excursion
    (go-to line)
    (mapconcat (lambda (overlay) (or (overlay-get overlay 'after-string) ""))
               (overlays-in (line-beginning-position) (line-end-position)) "")))

(defmacro should-have (text part) `(should (string-search ,part ,text)))
(defmacro should-lack (text part) `(should-not (string-search ,part ,text)))

(defun can (request field)
  "Skip the test unless the server has REQUEST with FIELD."
  (unless (replwire-session-has (replwire-current) request field)
    (ert-skip (format "this server has no %s.%s" request field))))

(defun measure (what format &rest arguments)
  "Report of WHAT by FORMAT and ARGUMENTS."
  (setq measured (concat measured (format "   %s: %s\n" what (apply #'format format arguments)))))

(defconst program
  '("import math"                                ; 1
    ""
    "@staticmethod"                              ; 3
    "def area(r):"
    "    if r < 0:"
    "        raise ValueError('größer 🐍', r)"
    ""
    "    return math.pi * r"                     ; 8
    ""
    "# %% second"                                ; 10
    "x = (1 +"
    "     2)"
    "print('cell', x)"                           ; 13
    "# %%"
    "if __name__ == '__main__':"                 ; 15
    "    print('guard fired')"))

;;; send

(ert-deftest send-block ()
  (editing program
    (go-to 1) (replwire-send-block)
    (go-to 6) (replwire-send-block)
    (replwire-send-string "area(1) // 1, area.__wrapped__.__code__.co_firstlineno, area.__wrapped__.__code__.co_filename[-4:]")
    (shows "(3.0, 3, 'a.py')")
    (should-have (output) "a.py:3-8")))

(ert-deftest send-blocks-with-and-without-a-tree ()
  (editing program
    (unless (and (fboundp 'treesit-language-available-p)
                 (progn (add-to-list 'treesit-extra-load-path (or (getenv "REPLWIRE_EXTRAS") "/"))
                        (treesit-language-available-p 'python)))
      (ert-skip "no parser for Python"))
    (let ((lines '(1 3 4 5 6 8 11 12 13 15 16)) without with)
      (dolist (line lines) (go-to line) (push (replwire--block) without))
      (funcall 'python-ts-mode)
      (replwire-mode 1)
      (should (treesit-parser-list))
      (dolist (line lines) (go-to line) (push (replwire--block) with))
      (should (equal with without))
      (go-to 11) (replwire-send-block)
      (go-to 13) (replwire-send-block)
      (shows "cell 3"))))

(ert-deftest send-statement-and-cell ()
  (editing program
    (go-to 12) (replwire-send-statement)
    (should (= (line-number-at-pos) 13))
    (replwire-send-statement)
    (shows "cell 3")
    (should-have (output) "a.py:11-12")
    (go-to 12) (replwire-send-cell)
    (should (= (line-number-at-pos) 14))
    (shows "a.py:10-13")
    (idle)
    (should-lack (output) "guard fired")))

(ert-deftest send-region-in-the-middle-of-lines ()
  (editing '("value = foo(21 * 2, 'x')" "    a = 1" "    b = a + 1" "print(b)")
    (go-to 1 12)
    (push-mark (+ (point) 6) t t)
    (call-interactively #'replwire-send-region)
    (shows "42")
    (run-lines 2 3)
    (run-lines 4 4)
    (shows "\n2")))

(ert-deftest send-buffer-and-file ()
  (editing program
    (replwire-send-buffer)
    (shows "cell 3")
    (idle)
    (when (replwire-session-has (replwire-current) :execute "name")
      (should-lack (output) "guard fired"))
    (replwire-send-main)
    (shows "guard fired")
    (replwire-clear)
    (go-to 13)
    (delete-region (point) (line-end-position))
    (insert "print('changed')")
    (replwire-send-file buffer-file-name)
    (shows "cell 3")
    (should-lack (output) "changed")
    (replwire-send-buffer)
    (shows "changed")))

(ert-deftest send-into-a-module ()
  (editing '("")
    (open-file "pack/__init__.py" '(""))
    (open-file "pack/part.py" '("secret = 1" "def reveal(): return secret"))
    (replwire-send-string "import sys; sys.path.insert(0, '.'); import pack.part")
    (idle)
    (can :execute "module")
    (replwire-toggle-module)
    (go-to 1)
    (delete-region (point) (line-end-position))
    (insert "secret = 2")
    (replwire-send-statement)
    (replwire-send-string "pack.part.reveal(), 'secret' in globals()")
    (shows "(2, False)")))

(ert-deftest send-by-the-keys-of-python-mode ()
  (editing '("print('by keys')")
    (cl-loop for (key command) in '(("C-c C-c" replwire-send-buffer) ("C-M-x" replwire-send-block)
                                    ("C-c C-r" replwire-send-region) ("C-c C-z" replwire-show-output)
                                    ("C-c C-l" replwire-send-file) ("C-c , i" replwire-interrupt))
             do (should (eq (key-binding (kbd key)) command)))
    (execute-kbd-macro (kbd "C-c C-c"))
    (shows "by keys")))

;;; see

(ert-deftest see-output-while-code-runs ()
  (editing '("print('first', flush=True); input(); print('second')")
    (cl-letf (((symbol-function 'replwire-show--ask-soon) #'ignore))
      (replwire-send-buffer)
      (shows "first")
      (should-lack (output) "second")
      (should (get-buffer-window (replwire-session-view (session))))
      (should (equal (buffer-name) "a.py")))))

(ert-deftest see-at-the-line ()
  (editing '("for n in range(20):" "    print('line', n)" "6 * 7" "None" "(1," " 2)")
    (let ((replwire-inline 'output))
      (run-lines 1 3)
      (idle)
      (should-have (inline 3) "= 42")
      (should-have (inline 3) "\n  line 19")
      (should-lack (inline 3) "line 5\n")
      (run-lines 5 6)
      (idle)
      (should-have (inline 6) "= (1, 2)")
      (go-to 1)
      (insert "# new\n")
      (should-have (inline 7) "= (1, 2)")       ; it travels with its line
      (go-to 7)
      (insert " ")
      (should (equal (inline 7) ""))            ; and is of no use when that is changed
      (replwire-clear)
      (should (equal (inline 4) "")))))

(ert-deftest see-each-value ()
  (editing '("x = 20" "x + 1" "" "x * 2 + 2")
    (replwire-send-buffer)
    (idle)
    (should-have (inline 4) "= 42")
    (can :execute "values")
    (should-have (inline 2) "= 21")))

(ert-deftest see-clear-update-progress ()
  (editing '("")
    (cl-flet ((run (code) (replwire-send-string code) (idle)))
      (run "for n in range(1, 101): print(f'\\r{n} %', end='')\nprint()")
      (should-have (output) "\n100 %\n")
      (should-lack (output) "99 %")
      (run "print('gone')\nclear_output(wait=True)\nprint('stays')")
      (should-have (output) "stays")
      (should-lack (output) "gone")
      (run "h = display('one', display_id='it')\nprint('behind')")
      (should-have (output) "'one'\nbehind")
      (run "h.update('two')")
      (should-have (output) "'two'\nbehind")
      (should-lack (output) "'one'")
      (run "print('two bars\\nsecond', end='\\x1b[A\\r')\nprint('\\x1b[31mred\\x1b[0m bars!')")
      (should-have (output) "red bars!\nsecond"))))

(ert-deftest see-pictures ()
  (editing '("")
    (replwire-send-string "class P:\n    def _repr_png_(self): return b'\\x89PNG picture'\nP()")
    (idle)
    (let* ((said (output))
           (file (and (string-match "\\[png: \\(.*\\)\\]" said) (match-string 1 said))))
      (should (equal (with-temp-buffer (set-buffer-multibyte nil) (insert-file-contents-literally file) (buffer-string))
                     "\211PNG picture")))
    ;; Where there are windows that show them.
    (cl-letf (((symbol-function 'display-images-p) #'always)
              ((symbol-function 'image-type-available-p) #'always)
              ((symbol-function 'create-image) (lambda (&rest _) '(image :type png :data ""))))
      (replwire-send-string "P()")
      (idle)
      (with-current-buffer (replwire-session-view (session))
        (should (text-property-not-all (point-min) (point-max) 'display nil))))))

(ert-deftest see-late-output-with-its-execution ()
  (editing '("")
    (replwire-send-string "import threading; go = threading.Event()\nthreading.Thread(target=lambda: (go.wait(), print('late')), daemon=True).start()")
    (idle)
    (replwire-send-string "print('next'); go.set()")
    (shows "late")
    (idle)
    (should-have (output) "late\n[2]")))

(defun slowest (what)
  "Wait until WHAT; return the longest time without a look at the clock, in milliseconds.
Emacs looks at keys as often as at timers.  It is processor time, since others
may use the machine."
  (let* ((last (float-time (get-internal-run-time))) (longest 0) (end (+ (float-time) 100))
         (look (lambda ()
                 (let ((now (float-time (get-internal-run-time))))
                   (setq longest (max longest (- now last))
                         last now))))
         (timer (run-at-time 0.001 0.001 look)))
    (unwind-protect
        (while (and (not (funcall what)) (< (float-time) end))
          (accept-process-output nil 0.001)
          (redisplay)
          (funcall look))
      (cancel-timer timer))
    (* 1000 longest)))

(defun at-rest ()
  "Whether all has come."
  (and (replwire-current) (eq (replwire-session-state (replwire-current)) 'idle)))

(ert-deftest see-flood ()
  (editing '("for n in range(11 * 10**6 // 100): print(f'{n:099}')" "7 * 6")
    (run-lines 1 2)
    (let* ((start (float-time)) (longest (slowest #'at-rest)))
      (measure "flood of 11 MB, output_limit" "%.1f s, Emacs busy for %.0f ms at most" (- (float-time) start) longest)
      (should-have (output) "bytes of stdout left out")
      (should-have (output) "\n42")
      (should (< longest 500)))))

(ert-deftest see-flood-without-a-limit ()
  (editing '("for n in range(11 * 10**6 // 100): print(f'{n:099}')" "7 * 6")
    (let ((replwire-output-limit nil))
      (run-lines 1 2)
      (let* ((start (float-time)) (longest (slowest #'at-rest)))
        (measure "flood of 11 MB, all of it" "%.1f s, Emacs busy for %.0f ms at most" (- (float-time) start) longest)
        (should-have (output) "\n42")
        (should (< (length (output)) 700000))
        (should (< longest 500))))))

(ert-deftest see-flood-of-one-line ()
  (editing '("print('x' * 10**7)" "7 * 6")
    (let ((replwire-output-limit nil))
      (run-lines 1 2)
      (let ((longest (slowest #'at-rest)))
        (measure "a line of 10 MB, all of it" "Emacs busy for %.0f ms at most" longest)
        (should-have (output) "x …")
        (should-have (output) "\n42")
        (should (< longest 500))))))

;;; answer

(defmacro with-keys (keys prompt &rest body)
  "Run BODY; when a minibuffer asks something with PROMPT, type KEYS there."
  (declare (indent 2))
  `(let* ((seen nil)
          (hook (lambda ()
                  (let ((text (minibuffer-prompt)))
                    (when (and text (string-search ,prompt text))
                      (setq seen (cons text seen))
                      (setq unread-command-events (append (listify-key-sequence ,keys) nil)))))))
     (add-hook 'minibuffer-setup-hook hook)
     (unwind-protect
         (progn ,@body)
       (remove-hook 'minibuffer-setup-hook hook))))

(ert-deftest answer-input ()
  (editing '("import os, threading, time"
             "def meanwhile():"
             "    while not os.path.exists('go'): time.sleep(0.01)"
             "    print('meanwhile')"
             "threading.Thread(target=meanwhile).start()"
             "name = input('Who? ')" "f'Hello, {name}!'")
    (let* ((buffer (current-buffer)) seen
           (hook (lambda ()
                   (write-region "" nil (concat replwire-tests--folder "go") nil 'silent)
                   (with-current-buffer buffer (shows "meanwhile")) ; while the question is open
                   (setq seen (minibuffer-prompt)
                         unread-command-events (append (listify-key-sequence (kbd "Ada RET")) nil)))))
      (add-hook 'minibuffer-setup-hook hook)
      (unwind-protect
          (progn
            (replwire-send-buffer)
            (shows "'Hello, Ada!'"))
        (remove-hook 'minibuffer-setup-hook hook))
      (should-have seen "Who? "))))

(ert-deftest answer-password ()
  (editing '("import getpass" "len(getpass.getpass('Secret: '))")
    (let (shown)
      (advice-add 'replwire-session-respond :before
                  (lambda (&rest _) (setq shown (buffer-string))) '((name . look)))
      (with-keys (kbd "hunter2 RET") "Secret: "
        (replwire-send-buffer)
        (shows "\n7")
        (should seen))
      (advice-remove 'replwire-session-respond 'look)
      (should-lack shown "hunter2")
      (should-lack (output) "hunter2"))))

(ert-deftest answer-end-of-file-and-refusal ()
  (editing '("input('one? ')")
    (with-keys (kbd "C-d") "one? "
      (replwire-send-buffer)
      (shows "EOFError"))
    (with-keys (kbd "C-g") "one? "
      (replwire-send-buffer)
      (until (and seen (not (active-minibuffer-window)) (replwire-session-inputs (session))))
      (replwire-refuse "no time")
      (shows "RuntimeError: no time"))
    (with-keys (kbd "C-g") "one? "
      (replwire-send-buffer)
      (until (and seen (not (active-minibuffer-window)) (replwire-session-inputs (session)))))
    (with-keys (kbd "12 RET") "one? "
      (replwire-answer)
      (shows "'12'"))
    (with-keys (kbd "C-g") "one? "
      (replwire-send-buffer)
      (until (and seen (not (active-minibuffer-window)) (replwire-session-inputs (session))))
      (replwire-end-of-file)
      (until (= 2 (cl-count "EOFError" (split-string (output) "\n") :test #'string-search))))))

(ert-deftest answer-is-withdrawn ()
  (editing '("input('still there? ')")
    (let* ((session (replwire-start))
           (hook (lambda ()
                   (run-at-time 0 nil #'replwire-session-request session '(:type "interrupt")))))
      (add-hook 'minibuffer-setup-hook hook)
      (unwind-protect
          (progn
            (replwire-send-buffer)
            (shows "KeyboardInterrupt")
            (until (not (active-minibuffer-window))))
        (remove-hook 'minibuffer-setup-hook hook))
      (replwire-send-string "6 * 7")
      (shows "42"))))

(ert-deftest answer-several-threads ()
  (editing '("from concurrent.futures import ThreadPoolExecutor"
             "with ThreadPoolExecutor(2) as pool: found = sorted(pool.map(input, ['a? ', 'b? ']))" "found")
    (with-keys (kbd "x RET") "? "
      (replwire-send-buffer)
      (shows "['x', 'x']"))))

;;; errors

(defun diagnostics ()
  "Where errors are marked: (line column end-column message), outermost first."
  (save-restriction
    (widen)
    (sort (cl-loop for overlay in (overlays-in (point-min) (point-max))
                   when (overlay-get overlay 'replwire-message)
                   collect (save-excursion
                             (goto-char (overlay-start overlay))
                             (list (line-number-at-pos)
                                   (- (point) (line-beginning-position))
                                   (- (overlay-end overlay) (line-beginning-position))
                                   (overlay-get overlay 'replwire-message))))
          (lambda (a b) (< (car a) (car b))))))

(ert-deftest errors-at-the-exact-place ()
  (editing '("def half(n):" "    return 'größer 🐍', n / 0" "" "try:" "    half(1)" "except ZeroDivisionError as e:"
             "    e2 = ValueError('no such thing')" "    e2.__notes__ = ['a note']" "    raise e2 from e")
    (replwire-send-buffer)
    (idle)
    (should (equal (nth 3 (car (diagnostics)))
                   "ValueError: no such thing\na note\ncause: ZeroDivisionError: division by zero (a.py, line 2)"))
    (replwire-send-string "half(2)")
    (until (assoc 2 (diagnostics)))
    (let ((line "    return 'größer 🐍', n / 0"))
      (should (equal (butlast (assoc 2 (diagnostics)))
                     (list 2 (string-search "n / 0" line) (length line)))))))

(ert-deftest errors-of-moved-code-and-syntax ()
  (editing '("if True:" "    x = 1" "    x.nothing")
    (run-lines 2 3)
    (idle)
    (should (equal (butlast (car (diagnostics))) '(3 4 13)))
    (go-to 3)
    (delete-region (point) (line-end-position))
    (insert "    x = = 2")
    (run-lines 2 3)
    (idle)
    (should (equal (seq-take (car (diagnostics)) 2) '(3 8)))
    (should-have (nth 3 (car (diagnostics))) "SyntaxError")
    (go-to 3)
    (delete-region (point) (line-end-position))
    (insert "    x = 2")
    (run-lines 2 3)
    (idle)
    (should-not (diagnostics))))

(ert-deftest errors-for-flymake ()
  (editing '("def outer(): return inner()" "def inner(): return [][0]" "outer()")
    (setq-local flymake-diagnostic-functions '(replwire-flymake))
    (flymake-mode 1)
    (flymake-start)
    (replwire-send-buffer)
    (idle)
    (until (= 3 (length (flymake-diagnostics))))
    (should (equal (sort (mapcar #'flymake-diagnostic-text (flymake-diagnostics)) #'string<)
                   '("IndexError: list index out of range" "called here: IndexError" "called here: IndexError")))))

(ert-deftest errors-that-lead-to-their-places ()
  (editing '("")
    (open-file "other.py" '("" "def inner():" "    return [][0]"))
    (replwire-send-buffer)
    (open-file "a.py" '("inner()"))
    (replwire-send-buffer)
    (shows "IndexError")
    (idle)
    (pop-to-buffer (replwire-session-view (session)))
    (goto-char (point-min))
    (search-forward "other.py\", line 3")
    (push-button (match-beginning 0))
    (should (equal (buffer-name) "other.py"))
    (should (= (line-number-at-pos) 3))
    (pop-to-buffer (replwire-session-view (session)))
    (goto-char (point-min))
    (next-error)
    (should (member (buffer-name (window-buffer)) '("other.py" "a.py")))))

;;; ask

(defconst setup '("def area(width, height=1):" "    'Width times height.'" "    return width * height"
                  "größe = {'schmal': 1, 'weit': 2}"))

(defmacro knowing (line &rest body)
  "With the names of `setup' and point at the end of LINE, run BODY."
  (declare (indent 1))
  `(editing (append setup (list ,line))
     (run-lines 1 4)
     (idle)
     (go-to 5)
     (end-of-line)
     ,@body))

(ert-deftest ask-completion ()
  (knowing "größe; are"
    (completion-at-point)
    (should (equal (buffer-substring (line-beginning-position) (line-end-position)) "größe; area"))
    (let* ((found (replwire-complete)) (properties (nthcdr 3 found)))
      (should (equal (funcall (plist-get properties :annotation-function) "area") "(width, height=1)"))
      (should (eq (funcall (plist-get properties :company-kind) "area") 'function))
      (should-have (with-current-buffer (funcall (plist-get properties :company-doc-buffer) "area") (buffer-string))
                   "Width times height."))
    (insert "(2, hei")
    (completion-at-point)
    (should (looking-back "height=" 1))
    (insert ")\ngröße['")
    (should (equal (all-completions "" (nth 2 (replwire-complete))) '("schmal" "weit")))))

(ert-deftest ask-completion-while-code-runs ()
  (knowing "gr"
    (cl-letf (((symbol-function 'replwire-show--ask-soon) #'ignore))
      (replwire-send-string "input()")
      (until (eq (replwire-session-state (session)) 'asks))
      (completion-at-point)
      (should (looking-back "größe" 1)))))

(ert-deftest ask-eldoc-and-help ()
  (knowing "print(area)"
    (backward-char 2)
    (let (said)
      (should (replwire-eldoc (lambda (text &rest _) (setq said text))))
      (until said)
      (should (equal (split-string said "\n") '("print(*args, sep=' ', end='\\n', file=None, flush=False)" "area(width, height=1)"))))
    (replwire-describe)
    (should-have (with-current-buffer "*replwire documentation*" (buffer-string)) "Width times height.")
    (quit-window nil (get-buffer-window "*replwire documentation*"))))

(ert-deftest ask-definition ()
  (knowing "print(area)"
    (backward-char 2)
    (xref-find-definitions "area")
    (should (= (line-number-at-pos) 1))
    (should (equal (buffer-name) "a.py"))))

(ert-deftest ask-variables ()
  (knowing "table = {'rows': [10, 20]}"
    (replwire-send-statement)
    (idle)
    (save-window-excursion (replwire-variables))
    (let ((list (replwire-session-variables (session))))
      (cl-flet ((text () (with-current-buffer list (buffer-string))))
        (until (string-search "größe: dict[2] = {'schmal': 1, 'weit': 2}" (text)))
        (replwire-send-string "later = 5")
        (until (string-search "later: int = 5" (text)))
        (can :variables "path")
        (with-current-buffer list
          (goto-char (point-min))
          (search-forward "table")
          (replwire-variables-toggle)
          (until (string-search "rows" (substring (text) (+ 12 (string-search "table" (text))))))
          (until (progn (goto-char (point-min)) (re-search-forward "^  ▸ .*rows" nil t)))
          (replwire-variables-toggle)
          (until (string-search "= 20" (text))))))))

;;; stop

(ert-deftest stop-interrupt ()
  (editing '("while True: pass" "print('go', flush=True); sum(range(10**12))")
    (run-lines 1 1)
    (until (string-search "busy since" (replwire-mode-line)))
    (replwire-interrupt 2)
    (shows "KeyboardInterrupt")
    (run-lines 2 2)
    (shows "go")
    (replwire-interrupt 0.1)
    (shows "stopped by force in a.py:2; the variables are as before")
    (replwire-send-string "6 * 7")
    (shows "42")))

(ert-deftest stop-deadline ()
  (editing '("while True: pass")
    (let ((replwire-timeout 0.2))
      (replwire-send-buffer)
      (shows "KeyboardInterrupt"))))

(ert-deftest stop-restart ()
  (editing '("x = 1" "while True: pass")
    (replwire-send-buffer)
    (until (string-search "busy since" (replwire-mode-line)))
    (let (said)
      (cl-letf (((symbol-function 'message) (lambda (&rest arguments) (setq said (apply #'format arguments)))))
        (replwire-restart))
      (should-have said "what was running: a.py:1-2, for"))
    (replwire-send-string "'x' in globals()")
    (shows "False")
    (replwire-stop)
    (until (null (replwire-current)))))

(ert-deftest stop-undo-checkpoint-restore ()
  (editing '("x = 1" "x = 2" "x = 3")
    (run-lines 1 1) (idle)
    (run-lines 2 2) (idle)
    (should-have (inline 2) "✓")
    (replwire-undo 1)
    (shows "undone")
    (until (string-search "undone" (inline 2)))
    (replwire-send-string "'x is', x")
    (shows "('x is', 1)")
    (replwire-checkpoint "first")
    (run-lines 3 3) (idle)
    (cl-letf (((symbol-function 'completing-read)
               (lambda (_ choices &rest _) (car (cl-find-if (lambda (one) (string-prefix-p "first, after [3]" (car one))) choices)))))
      (replwire-restore))
    (shows "the checkpoint is restored")
    (replwire-send-string "'then', x")
    (shows "('then', 1)")))

(ert-deftest stop-a-crash-in-one-line ()
  (editing '("kept = 42" "import ctypes; ctypes.string_at(0)")
    (run-lines 1 1) (idle)
    (run-lines 2 2)
    (shows "Python died of SIGSEGV in a.py:2; the variables are as before")
    (replwire-send-string "kept")
    (shows "\n42")))

(ert-deftest stop-a-death-in-one-line ()
  (editing '("import os; os.kill(os.getpid(), 9)")
    (let ((replwire-options nil))
      (replwire-send-buffer)
      (shows "has died of signal 9 in a.py:1, for 0 s")
      (should-have (inline 1) "not finished")
      (let ((old (session)))
        (replwire-send-string "6 * 7")
        (should-not (eq old (session))))
      (shows "42"))))

(ert-deftest stop-branches ()
  (editing '("x = 1")
    (replwire-send-buffer)
    (idle)
    (can :branch nil)
    (replwire-branch "other")
    (until (equal replwire-session-name "other"))
    (replwire-send-string "x += 1; print('in the branch', x)")
    (shows "in the branch 2")
    (setq replwire-session-name nil)
    (replwire-send-string "x")
    (shows "\n1")
    (replwire-choose-session "other")
    (replwire-stop)
    (until (null (replwire-current)))))

;;; choose

(ert-deftest choose-python ()
  (editing '("import sys; sys.prefix")
    (let ((root (replwire-root)) (process-environment (append '("VIRTUAL_ENV" "CONDA_PREFIX") process-environment)))
      (should-not (replwire-find-python root))
      (make-directory (concat root ".venv/bin") t)
      (make-symbolic-link python (concat root ".venv/bin/python"))
      (write-region (format "home = %s\n" (directory-file-name (file-name-directory python))) nil (concat root ".venv/pyvenv.cfg") nil 'silent)
      (should (equal (replwire-find-python root) (concat root ".venv/bin/python")))
      (let ((python-shell-virtualenv-root "/of/python"))
        (should (equal (replwire-find-python root) "/of/python")))
      (let ((replwire-python "mine"))
        (should (equal (replwire-find-python root) "mine")))
      (let ((replwire-command (list (car server))))
        (replwire-start)
        (replwire-choose-python (concat root ".venv"))
        (replwire-send-buffer)
        (shows (format "'%s.venv'" root))))))

(ert-deftest choose-command-startup-sessions ()
  (editing '("print('hello', who)")
    (write-region "who = 'startup'" nil (concat replwire-tests--folder "startup.py") nil 'silent)
    ;; What ssh would do: a command before the server's own, and a greeting that is no JSON.
    (let ((replwire-command (append '("sh" "-c" "echo Welcome; exec \"$@\"" "sh") server))
          (replwire-startup (concat replwire-tests--folder "startup.py"))
          (replwire-per 'buffer)
          (first (buffer-file-name)))
      (replwire-send-buffer)
      (shows "hello startup")
      (open-file "b.py" '("mine = 1"))
      (replwire-send-buffer)
      (idle)
      (should (= 2 (hash-table-count replwire-sessions)))
      (replwire-choose-session first)
      (replwire-send-string "'mine' in globals()")
      (shows "False")
      (open-file "c.py" '("1"))
      (let ((replwire-command '("no-such-program")))
        (should-error (replwire-send-buffer) :type 'user-error)))))

(ert-deftest choose-what-does-not-start ()
  (editing '("1")
    (let ((replwire-options '("--no-such-option")))
      (replwire-send-buffer)
      (shows "does not start")
      (should-have (output) "--no-such-option"))))

;;; state

(ert-deftest state-in-the-mode-line ()
  (editing '("def wait():" "    input()" "wait()")
    (should (equal (replwire-mode-line) " py"))
    (cl-letf (((symbol-function 'replwire-show--ask-soon) #'ignore))
      (replwire-send-buffer)
      (until (equal (replwire-mode-line) " py:asks"))
      (replwire-status)
      (should-have (output) "is waiting for input; a.py:1-3, for")
      (should (string-match "a.py\", line 2, in wait" (output)))
      (replwire-answer "ok")
      (idle)
      (should (equal (replwire-mode-line) " py:idle")))))

(ert-deftest state-costs-nothing-unused ()
  (let ((file (make-temp-file "replwire" nil ".el")) (best 1.0))
    (with-temp-file file
      (insert (format "(autoload 'replwire-mode %S nil t)\n" (expand-file-name "../replwire" here))
              (format "(autoload 'replwire-start %S nil t)\n" (expand-file-name "../replwire" here))
              "(add-hook 'python-mode-hook #'replwire-mode)\n"))
    (let ((python-mode-hook nil))
      (dotimes (_ 20)
        (let ((start (float-time)))
          (load file nil t)
          (setq best (min best (- (float-time) start))))))
    (measure "the plugin, loaded and unused (autoloads)" "%.2f ms" (* 1000 best))
    (should (< best 0.001))))

(ert-deftest state-from-key-to-output ()
  (editing '("print('there')")
    (replwire-send-buffer)
    (shows "there")
    (idle)
    (let ((best 1.0))
      (dotimes (_ 20)
        (replwire-clear)
        (let ((start (float-time)))
          (execute-kbd-macro (kbd "C-c C-c"))
          (until (string-search "there" (output)))
          (redisplay)
          (setq best (min best (- (float-time) start))))
        (idle))
      (measure "from the key press to the output" "%.1f ms" (* 1000 best))
      (should (< best 0.1)))))

(ert-deftest state-clean-source ()
  (let ((source (expand-file-name ".." here))
        ;; Of Debian's elpa-package-lint, which -Q does not find.
        (package-lint (car (file-expand-wildcards "/usr/share/emacs/site-lisp/elpa*/package-lint-[0-9]*"))))
    (dolist (file '("replwire-view" "replwire-session" "replwire-show" "replwire-ask" "replwire"))
      (with-temp-buffer
        (let ((status (call-process (expand-file-name invocation-name invocation-directory) nil t nil "-Q" "--batch" "-L" source
                                    "--eval" "(setq byte-compile-dest-file-function (lambda (_) (make-temp-file \"x\" nil \".elc\")) byte-compile-error-on-warn t)"
                                    "-f" "batch-byte-compile" (expand-file-name (concat file ".el") source))))
          (should (equal (list file status (buffer-string)) (list file 0 "")))))
      (with-temp-buffer
        (call-process (expand-file-name invocation-name invocation-directory) nil t nil "-Q" "--batch"
                      "--eval" (format "(progn (require 'checkdoc) (setq vc-handled-backends nil) (checkdoc-file %S))"
                                       (expand-file-name (concat file ".el") source)))
        (should (equal (buffer-string) "")))
      (when package-lint
        (with-temp-buffer
          (call-process (expand-file-name invocation-name invocation-directory) nil t nil "-Q" "--batch"
                        "-L" package-lint "-l" "package-lint"
                        "--eval" (format "(setq package-lint-main-file %S)" (expand-file-name "replwire.el" source))
                        "-f" "package-lint-batch-and-exit" (expand-file-name (concat file ".el") source))
          (should-lack (buffer-string) "error:"))))
    (measure "package-lint" (if package-lint "passed" "not tested, since it is not installed"))))

(provide 'replwire-tests)
;;; replwire-tests.el ends here
