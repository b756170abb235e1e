;;; replwire.el --- Python sessions over pipes  -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The replwire authors
;; SPDX-License-Identifier: MIT

;; Version: 0.1.0
;; Package-Requires: ((emacs "28.1"))
;; Keywords: languages, processes, tools
;; URL: https://example.org/replwire

;;; Commentary:

;; Sends Python code from your buffers to a lasting session and shows what
;; comes of it: output in a buffer, values at their lines, errors at the exact
;; place.  Each `input()' asks you.  A crash costs one execution, not your
;; variables.  It needs the program `replwire' on PATH, and nothing else.
;;
;;   (add-hook 'python-mode-hook #'replwire-mode)
;;   (add-hook 'python-ts-mode-hook #'replwire-mode)
;;
;; The keys of python.el then run code here: C-c C-c the buffer, C-M-x the
;; function or class, C-c C-r the region, C-c C-z shows the output.  C-c ,
;; leads to all else.

;;; Code:

(require 'cl-lib)
(require 'project)
(require 'subr-x)
(require 'replwire-session)
(require 'replwire-show)
(require 'replwire-ask)

(declare-function treesit-parser-list "treesit.c")
(declare-function treesit-buffer-root-node "treesit")
(declare-function treesit-node-children "treesit")
(declare-function treesit-node-child "treesit.c")
(declare-function treesit-node-count "treesit")
(declare-function treesit-node-start "treesit.c")
(declare-function treesit-node-end "treesit.c")
(declare-function treesit-node-type "treesit.c")
(declare-function python-nav-beginning-of-statement "python")
(declare-function python-nav-end-of-statement "python")
(defvar python-shell-virtualenv-root)
(defvar python-shell-interpreter)

(defcustom replwire-python nil
  "The interpreter or virtual environment, or a function of the project's folder.
With nil it is found: `python-shell-virtualenv-root', the active
environment, a .venv, venv or env in the project."
  :type '(choice (const :tag "Found" nil) file function)
  :group 'replwire)

(defcustom replwire-startup nil
  "A file of Python code that a session begins with."
  :type '(choice (const :tag "None" nil) file)
  :group 'replwire)

(defcustom replwire-per 'project
  "Who shares a session."
  :type '(choice (const project) (const buffer))
  :group 'replwire)

(defcustom replwire-module nil
  "Whether code of a file of a package runs in its own module."
  :type 'boolean
  :safe #'booleanp
  :local t
  :group 'replwire)

(defcustom replwire-cell-regexp "^[ \t]*# ?%%\\|^# In\\["
  "What a cell begins with."
  :type 'regexp
  :group 'replwire)

;;; Sessions

(defvar replwire-sessions (make-hash-table :test 'equal) "Sessions by their keys.")

(defvar-local replwire-session-name nil "The key of this buffer's session, when it was chosen.")

(defvar replwire--pythons (make-hash-table :test 'equal) "Interpreters that were chosen, by project.")

(defun replwire-root ()
  "The folder of the current project."
  (let ((project (project-current)))
    (expand-file-name
     (if project
         (if (fboundp 'project-root) (project-root project) default-directory)
       (or (locate-dominating-file default-directory "pyproject.toml") default-directory)))))

(defun replwire--key ()
  "What the session of this buffer is known by."
  (or replwire-session-name
      (if (eq replwire-per 'buffer) (or buffer-file-name (buffer-name)) (replwire-root))))

(defun replwire-current ()
  "The session of this buffer, if it is alive."
  (let ((session (or (replwire--session-of-view) (gethash (replwire--key) replwire-sessions))))
    (and session (replwire-session-alive session) session)))

(defun replwire--session-of-view ()
  "The session whose output, or variables, are in this buffer."
  (and (derived-mode-p 'replwire-view-mode 'replwire-variables-mode)
       (cl-loop for session being the hash-values of replwire-sessions
                when (or (eq (current-buffer) (replwire-session-view session))
                         (eq (current-buffer) (replwire-session-variables session)))
                return session)))

(defun replwire--need ()
  "The session of this buffer, or an error."
  (or (replwire-current) (user-error "No session here: send something, or M-x replwire-start")))

(defun replwire-find-python (root)
  "The interpreter for the project in ROOT, or nil: let the server look."
  (or (gethash root replwire--pythons)
      (if (functionp replwire-python) (funcall replwire-python root) replwire-python)
      (and (bound-and-true-p python-shell-virtualenv-root)
           (expand-file-name python-shell-virtualenv-root))
      (and (file-name-absolute-p (or (bound-and-true-p python-shell-interpreter) ""))
           python-shell-interpreter)
      (and (not (getenv "VIRTUAL_ENV")) (not (getenv "CONDA_PREFIX"))
           (cl-loop for folder in '(".venv" "venv" "env")
                    for path = (expand-file-name (concat folder "/bin/python") root)
                    when (file-exists-p path) return path))))

(defun replwire--words (root)
  "The words that start a server for ROOT."
  (let* ((own (equal replwire-command '("replwire")))
         (words (if (functionp replwire-command) (funcall replwire-command root) replwire-command))
         ;; Another command may lead to another machine, where other paths hold.
         (python (if own (replwire-find-python root) (gethash root replwire--pythons))))
    (append words replwire-options
            (and replwire-startup (list "--startup" (if own (expand-file-name replwire-startup) replwire-startup)))
            (and python (list "--python" python)))))

;;;###autoload
(defun replwire-start (&optional words)
  "Start the session of this buffer, if there is none, and return it.
With a prefix argument ask for WORDS, such as \"ssh host replwire\"."
  (interactive (list (and current-prefix-arg (split-string-shell-command (read-string "Command: ")))))
  (or (replwire-current)
      (let* ((root (replwire-root)) (key (replwire--key))
             (name (file-name-nondirectory (directory-file-name key)))
             (session (condition-case problem
                          (replwire-session-start name root (or words (replwire--words root)))
                        (file-missing (user-error "Cannot start %s: %s" (car (replwire--words root))
                                                  (error-message-string problem))))))
        (puthash key session replwire-sessions)
        (display-buffer (replwire-session-view session)
                        '((display-buffer-reuse-window display-buffer-at-bottom)
                          (window-height . 12)))
        session)))

(defun replwire--end-all ()
  "End all sessions, as Emacs ends."
  (maphash (lambda (_ session)
             (when (replwire-session-alive session)
               (replwire-session-send session '(:type "shutdown"))))
           replwire-sessions))
(add-hook 'kill-emacs-hook #'replwire--end-all)

;;; Sending

(defun replwire--module-of (file)
  "The dotted name of FILE, and whether it belongs to a package, as a cons."
  (let* ((name (file-name-base file)) (folder (file-name-directory file))
         (parts (and (not (equal name "__init__")) (list name))) package)
    (while (file-exists-p (expand-file-name "__init__.py" folder))
      (setq package t)
      (push (file-name-nondirectory (directory-file-name folder)) parts)
      (setq folder (file-name-directory (directory-file-name folder))))
    (cons (string-join parts ".") package)))

(defun replwire--dedent (code)
  "CODE without the white space that all lines share, and how much that was."
  (let ((indent nil))
    (dolist (line (split-string code "\n"))
      (when (string-match "\\`[ \t]*\\(?:[^ \t]\\)" line)
        (let ((mine (1- (match-end 0))))
          (setq indent (if indent (min indent mine) mine)))))
    (if (memq indent '(nil 0))
        (cons code 0)
      (cons (mapconcat (lambda (line) (if (>= (length line) indent) (substring line indent) ""))
                       (split-string code "\n") "\n")
            indent))))

(defun replwire-send (begin end &optional whole main)
  "Run the code from BEGIN to END.
WHOLE says that it is all of a file, whose main guard fires with MAIN only."
  (let* ((session (replwire-start))
         (buffer (current-buffer))
         (code (buffer-substring-no-properties begin end))
         (first (line-number-at-pos begin t))
         (column (save-excursion (goto-char begin) (- (point) (line-beginning-position))))
         (about (and buffer-file-name (replwire--module-of buffer-file-name)))
         (in-module (and (cdr about) replwire-module))
         (mark (copy-marker (save-excursion (goto-char end) (skip-chars-backward " \t\n" begin) (point)))))
    (when (string-blank-p code)
      (user-error "Nothing to send here"))
    (replwire-session-when-ready
     session
     (lambda ()
       (let ((moved (if (replwire-session-has session :execute "dedent") (cons code 0) (replwire--dedent code))))
         (replwire-session-execute
          session
          (replwire-execution--make
           :code (car moved) :filename (or (buffer-file-name buffer) (format "<%s>" (buffer-name buffer)))
           :first first :last (+ first (cl-count ?\n (string-trim-right code)))
           :buffer buffer :column column :indent (cdr moved) :mark mark)
          (and whole (not main) (not in-module) (car about))
          (and in-module (car about))))))))

(defun replwire-send-string (code)
  "Run CODE."
  (interactive "sPython: ")
  (replwire-session-execute (replwire-start) (replwire-execution--make :code code)))

(defun replwire-send-region (begin end)
  "Run the code from BEGIN to END."
  (interactive "r")
  (replwire-send begin end)
  (setq deactivate-mark t))

(defun replwire-send-buffer (&optional main)
  "Run this buffer; with MAIN, the prefix argument, its main guard fires."
  (interactive "P")
  (save-restriction
    (widen)
    (replwire-send (point-min) (point-max) t main)))

(defun replwire-send-main ()
  "Run this buffer as a program: its main guard fires."
  (interactive)
  (replwire-send-buffer t))

(defun replwire-send-file (file &optional main)
  "Run FILE as it is on disk; with MAIN, the prefix argument, its main guard fires."
  (interactive (list (read-file-name "Run file: " nil buffer-file-name t
                                     (and buffer-file-name (file-name-nondirectory buffer-file-name)))
                     current-prefix-arg))
  (let* ((file (expand-file-name file))
         (code (with-temp-buffer (insert-file-contents file) (buffer-string))))
    (replwire-session-execute
     (replwire-start)
     (replwire-execution--make :code code :filename file :first 1
                               :last (max 1 (cl-count ?\n code)))
     (and (not main) (car (replwire--module-of file))))))

(defun replwire--block-by-tree ()
  "Bounds of the statement at or behind this line, by the syntax tree if any."
  (when (and (fboundp 'treesit-parser-list) (fboundp 'treesit-buffer-root-node) (fboundp 'treesit-node-children)
             (fboundp 'treesit-node-type) (fboundp 'treesit-node-start) (fboundp 'treesit-node-end)
             (treesit-parser-list))
    (let* ((line (line-beginning-position))
           (node (cl-find-if (lambda (node)
                               (and (not (equal (treesit-node-type node) "comment"))
                                    (> (treesit-node-end node) line)))
                             (treesit-node-children (treesit-buffer-root-node) t))))
      (and node (cons (treesit-node-start node) (treesit-node-end node))))))

(defun replwire--begins-p ()
  "Whether a statement begins at the margin of this line, without a syntax tree."
  (save-excursion
    (beginning-of-line)
    (and (looking-at-p "[^] \t\n#)}]")
         (not (looking-at-p "\\(?:else\\|elif\\|except\\|finally\\)\\_>"))
         (zerop (car (syntax-ppss))) (not (nth 3 (syntax-ppss))))))

(defun replwire--block-by-indent ()
  "Bounds of the statement at the margin around point."
  (let (begin)
    (save-excursion
      (while (and (not (replwire--begins-p)) (zerop (forward-line -1))))
      (while (and (not (bobp)) (save-excursion (forward-line -1) (looking-at-p "@")))
        (forward-line -1))
      (setq begin (line-beginning-position))
      (goto-char begin)
      (while (looking-at-p "@") (forward-line))
      (forward-line)
      (while (not (or (eobp) (replwire--begins-p))) (forward-line))
      (skip-chars-backward " \t\n" begin)
      (while (and (> (point) begin) (save-excursion (beginning-of-line) (looking-at-p "[ \t]*#")))
        (beginning-of-line)
        (skip-chars-backward " \t\n" begin))
      (cons begin (point)))))

(defun replwire--block ()
  "Bounds of the function, class or statement at the margin around point."
  (save-excursion
    (beginning-of-line)
    (while (and (looking-at-p "[ \t]*$") (zerop (forward-line)) (not (eobp))))
    (or (replwire--block-by-tree) (replwire--block-by-indent))))

(defun replwire-send-block ()
  "Run the function, class or other statement at the margin around point."
  (interactive)
  (let ((bounds (replwire--block)))
    (replwire-send (car bounds) (cdr bounds))))

(defun replwire-send-statement ()
  "Run the statement at point, however many lines it has, and go to the next."
  (interactive)
  (let ((begin (save-excursion (python-nav-beginning-of-statement) (line-beginning-position)))
        (end (save-excursion (python-nav-end-of-statement) (point))))
    (replwire-send begin end)
    (goto-char end)
    (forward-line)))

(defun replwire--cell ()
  "Bounds of the cell around point."
  (save-excursion
    (end-of-line)
    (let ((begin (if (re-search-backward replwire-cell-regexp nil t) (line-beginning-position) (point-min))))
      (goto-char begin)
      (end-of-line)
      (cons begin (if (re-search-forward replwire-cell-regexp nil t) (line-beginning-position) (point-max))))))

(defun replwire-send-cell (&optional stay)
  "Run the cell around point and go to the next; with prefix argument STAY."
  (interactive "P")
  (let ((bounds (replwire--cell)))
    (replwire-send (car bounds) (cdr bounds))
    (unless stay (goto-char (cdr bounds)))))

(defun replwire-toggle-module ()
  "Change between `__main__' and its own module for code of this file."
  (interactive)
  (setq replwire-module (not replwire-module))
  (message "Code of this file runs in %s" (if replwire-module "its own module" "__main__")))

;;; Stopping

(defun replwire--simple (frame &optional well)
  "Send FRAME, and say WELL, or what was wrong."
  (replwire-session-request (replwire--need) frame
                            (lambda (reply &optional problem)
                              (cond ((null reply) (message "replwire: %s" problem))
                                    (well (message "replwire: %s" well))))))

(defun replwire-interrupt (&optional grace)
  "Stop the code; if it does not heed that in GRACE seconds, by force."
  (interactive (list (if current-prefix-arg (prefix-numeric-value current-prefix-arg) replwire-grace)))
  (let ((session (replwire--need)))
    (replwire-session-request session (list :type "interrupt"
                                            :grace (and (replwire-session-order session) grace)))))

(defun replwire-stop ()
  "End the session of this buffer."
  (interactive)
  (replwire-session-stop (replwire--need))
  (message "replwire: ended"))

(defun replwire-restart (&optional words)
  "Start the session of this buffer anew, by WORDS if given; say what was running."
  (interactive)
  (let* ((session (replwire-current)) (running (and session (replwire-session-what-runs session))))
    (when session
      (replwire-session-stop session)
      (unless (replwire-session-branch session)
        (let ((process (replwire-session-process session)))
          (run-at-time 1 nil (lambda () (when (process-live-p process) (kill-process process)))))
        (replwire-session--gone session)))
    (replwire-start words)
    (message "replwire: restarted%s" (if running (concat "; what was running: " running) ""))))

(defun replwire-undo (count)
  "Take back the last COUNT executions."
  (interactive "p")
  (replwire--simple `(:type "undo" :count ,count)))

(defun replwire-checkpoint (name)
  "Keep the state under NAME."
  (interactive "sName of the checkpoint: ")
  (replwire--simple `(:type "checkpoint" :name ,(and (not (string-empty-p name)) name))
                    (concat "checkpoint taken: " name)))

(defun replwire--describe-checkpoint (checkpoint)
  "CHECKPOINT in words."
  (format "%s, after [%s], %d s ago"
          (or (plist-get checkpoint :name)
              (if (plist-get checkpoint :automatic) "before the next execution" "checkpoint"))
          (or (plist-get checkpoint :execution_count) " ")
          (plist-get checkpoint :age)))

(defun replwire-restore ()
  "Go back to a state that was kept."
  (interactive)
  (let* ((session (replwire--need))
         (reply (or (replwire-session-ask session '(:type "checkpoints") 5)
                    (user-error "No checkpoints can be had")))
         (choices (mapcar (lambda (checkpoint)
                            (cons (replwire--describe-checkpoint checkpoint) checkpoint))
                          (plist-get reply :checkpoints)))
         (chosen (cdr (assoc (completing-read "Restore which state? " choices nil t) choices))))
    (replwire--simple `(:type "restore" :checkpoint_id ,(plist-get chosen :checkpoint_id)))))

(defun replwire-branch (name)
  "Begin a session NAME in the state of this one, and use it in this buffer."
  (interactive "sName of the branch: ")
  (let ((buffer (current-buffer)))
    (replwire-session-branch-off
     (replwire--need) name
     (lambda (branch)
       (puthash name branch replwire-sessions)
       (with-current-buffer buffer
         (setq replwire-session-name name))
       (display-buffer (replwire-session-view branch))
       (message "replwire: this buffer's code runs in the branch %s now" name)))))

;;; Choosing

(defun replwire-choose-session (name)
  "Use the session NAME in this buffer."
  (interactive (list (completing-read "Session of this buffer: " replwire-sessions nil t)))
  (setq replwire-session-name name)
  (force-mode-line-update))

(defun replwire-choose-python (python)
  "Run the sessions of this project in PYTHON, an interpreter or an environment."
  (interactive (list (read-file-name "Python: " nil nil t (replwire-find-python (replwire-root)))))
  (puthash (replwire-root) (expand-file-name python) replwire--pythons)
  (when (replwire-current)
    (replwire-restart)))

;;; State

(defun replwire-show-output ()
  "Show the output of this buffer's session, started if there is none."
  (interactive)
  (display-buffer (replwire-session-view (replwire-start))))

(defun replwire-clear ()
  "Empty the output, and take away what stands at the lines of this buffer."
  (interactive)
  (replwire-show-clear)
  (when (replwire-current)
    (replwire-view-clear (replwire-session-view (replwire-current)))))

(defun replwire-status ()
  "Say what the session is doing, and where it is now."
  (interactive)
  (let* ((session (replwire--need))
         (reply (or (replwire-session-ask session '(:type "status" :stack t) 2)
                    (user-error "No answer")))
         (running (car (replwire-session-order session)))
         (words (concat (format "%s is %s" (replwire-session-name session)
                                (string-replace "_" " " (plist-get reply :state)))
                        (and running (format "; %s, for %.1f s" (replwire-session-label session running)
                                             (plist-get reply :elapsed)))
                        (and (> (plist-get reply :queued) 0) (format "; %d queued" (plist-get reply :queued)))
                        (format "; %d MB" (/ (plist-get reply :memory_usage) 1000000))
                        (mapconcat (lambda (frame)
                                     (format "\n  File \"%s\", line %d, in %s" (plist-get frame :filename)
                                             (plist-get frame :line) (plist-get frame :function)))
                                   (plist-get reply :stack) ""))))
    (replwire-view-block (replwire-session-view session) words 'replwire-note)
    (message "%s" words)))

(defun replwire-mode-line ()
  "What the session of this buffer does, for the mode line."
  (let ((session (replwire-current)))
    (if (null session)
        " py"
      (pcase (replwire-session-state session)
        ('busy (format-time-string " py:busy since %T"
                                   (replwire-execution-since (car (replwire-session-order session)))))
        ('asks (propertize " py:asks" 'face 'warning))
        (state (format " py:%s" state))))))

;;; The mode

(defvar replwire-command-map
  (let ((map (make-sparse-keymap)))
    (cl-loop for (key command) in
             '(("l" replwire-send-statement) ("b" replwire-send-block) ("c" replwire-send-cell)
               ("r" replwire-send-region) ("B" replwire-send-buffer) ("m" replwire-send-main)
               ("f" replwire-send-file) (":" replwire-send-string) ("o" replwire-show-output)
               ("k" replwire-clear) ("i" replwire-interrupt) ("R" replwire-restart) ("q" replwire-stop)
               ("u" replwire-undo) ("p" replwire-checkpoint) ("P" replwire-restore) ("n" replwire-branch)
               ("s" replwire-choose-session) ("y" replwire-choose-python) ("M" replwire-toggle-module)
               ("h" replwire-describe) ("v" replwire-variables) ("?" replwire-status)
               ("a" replwire-answer) ("e" replwire-end-of-file) ("x" replwire-refuse))
             do (define-key map key command))
    map)
  "Keys behind the prefix of `replwire-mode'.")

(defvar replwire-mode-map
  (let ((map (make-sparse-keymap)))
    (define-key map (kbd "C-c ,") replwire-command-map)
    (define-key map [remap python-shell-send-buffer] #'replwire-send-buffer)
    (define-key map [remap python-shell-send-region] #'replwire-send-region)
    (define-key map [remap python-shell-send-statement] #'replwire-send-statement)
    (define-key map [remap python-shell-send-defun] #'replwire-send-block)
    (define-key map [remap python-shell-send-file] #'replwire-send-file)
    (define-key map [remap python-shell-send-string] #'replwire-send-string)
    (define-key map [remap python-shell-switch-to-shell] #'replwire-show-output)
    (define-key map [remap run-python] #'replwire-start)
    map)
  "Keys of `replwire-mode'.")

;;;###autoload
(define-minor-mode replwire-mode
  "Run the code of this buffer in a session of replwire.
The keys of python.el for its shell lead here.

\\{replwire-mode-map}"
  :lighter (:eval (replwire-mode-line))
  (if replwire-mode
      (progn
        (add-hook 'completion-at-point-functions #'replwire-complete -10 t)
        (add-hook 'eldoc-documentation-functions #'replwire-eldoc -10 t)
        (add-hook 'xref-backend-functions #'replwire-xref-backend -10 t)
        (add-hook 'flymake-diagnostic-functions #'replwire-flymake nil t))
    (replwire-show-clear)
    (remove-hook 'completion-at-point-functions #'replwire-complete t)
    (remove-hook 'eldoc-documentation-functions #'replwire-eldoc t)
    (remove-hook 'xref-backend-functions #'replwire-xref-backend t)
    (remove-hook 'flymake-diagnostic-functions #'replwire-flymake t)))

(provide 'replwire)
;;; replwire.el ends here
