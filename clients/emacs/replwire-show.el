;;; replwire-show.el --- What replwire shows in the user's buffers  -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The replwire authors
;; SPDX-License-Identifier: MIT

;;; Commentary:

;; Values and errors at their lines, diagnostics at the exact place, and the
;; questions that code asks.

;;; Code:

(require 'cl-lib)
(require 'subr-x)
(require 'replwire-session)

(declare-function flymake-make-diagnostic "flymake")
(declare-function replwire--need "replwire")
(declare-function replwire-current "replwire")
(defvar replwire-sessions)

(defcustom replwire-inline 'value
  "What stands at the lines of code: nothing, its value, its last output as well."
  :type '(choice (const nil) (const value) (const output))
  :group 'replwire)

(defcustom replwire-inline-lines 8
  "Lines of output that stand below the code."
  :type 'natnum
  :group 'replwire)

(defface replwire-error-place '((((supports :underline (:style wave))) :underline (:style wave :color "Red1"))
                                (t :inherit error))
  "Code that failed." :group 'replwire)

(defface replwire-error-caller '((t :underline t)) "Code that called what failed." :group 'replwire)

;;; At the lines

(defun replwire-show--short (text)
  "TEXT in one line, which is not long."
  (truncate-string-to-width (replace-regexp-in-string "[ \t]*\n[ \t]*" " ⏎ " text) 120 nil nil "…"))

(defun replwire-show--behind (execution line text face &optional below)
  "Show TEXT in FACE behind LINE of EXECUTION, with the lines BELOW.
Without LINE it is the last one."
  (let ((buffer (replwire-execution-buffer execution)) (mark (replwire-execution-mark execution)))
    (when (and replwire-inline (buffer-live-p buffer) mark)
      (with-current-buffer buffer
        (save-excursion
          (save-restriction
            (widen)
            (goto-char mark)
            (when line
              (forward-line (- line (replwire-execution-last execution))))
            (let ((begin (line-beginning-position)) (end (line-end-position)))
              (dolist (old (overlays-in begin (1+ end)))
                (when (overlay-get old 'replwire-value)
                  (delete-overlay old)))
              (let ((overlay (make-overlay begin end)))
                (overlay-put overlay 'replwire t)
                (overlay-put overlay 'replwire-value t)
                (dolist (hook '(modification-hooks insert-in-front-hooks insert-behind-hooks))
                  (overlay-put overlay hook '(replwire-show--changed)))
                (overlay-put overlay 'after-string
                             (concat (propertize (concat "  " (replwire-show--short text)) 'face face 'cursor 0)
                                     (mapconcat (lambda (line)
                                                  (propertize (concat "\n  " (replwire-show--short line))
                                                              'face 'replwire-busy))
                                                below "")))))))))))

(defun replwire-show--changed (overlay after begin &rest _)
  "Take OVERLAY away AFTER its line was changed at BEGIN.
A new line behind it changes nothing."
  (unless (or (not after)
              (and (eql begin (overlay-end overlay)) (eql (char-after begin) ?\n)))
    (delete-overlay overlay)))

(defun replwire-show--tail (execution)
  "The last lines that EXECUTION printed, if they are wanted."
  (when (eq replwire-inline 'output)
    (with-current-buffer (replwire-session-view (replwire-execution-session execution))
      (let ((block (replwire-execution-block execution)))
        (when (replwire-block-text block)
          (last (split-string (buffer-substring (replwire-block-text block) (replwire-block-end block)) "\n" t)
                replwire-inline-lines))))))

(defun replwire-show-clear (&optional begin end)
  "Take away what stands at the lines of this buffer, or from BEGIN to END."
  (remove-overlays begin end 'replwire t)
  (replwire-show--tell-flymake nil))

;;; Errors

(defvar-local replwire-show--report nil "How Flymake is told.")
(defvar-local replwire-show--diagnostics nil "What Flymake is told.")

(defun replwire-flymake (report &rest _)
  "A Flymake backend: REPORT is told where code has failed."
  (setq replwire-show--report report)
  (funcall report replwire-show--diagnostics))

(defun replwire-show--tell-flymake (diagnostics)
  "Tell Flymake of DIAGNOSTICS, if it is on."
  (setq replwire-show--diagnostics diagnostics)
  (when (and replwire-show--report (bound-and-true-p flymake-mode))
    (funcall replwire-show--report diagnostics)))

(defun replwire-show--buffer (session filename)
  "The buffer that FILENAME is shown in, as SESSION knows it."
  (let ((buffer (or (gethash filename (replwire-session-files (replwire-session-main session)))
                    (and (file-name-absolute-p filename) (find-buffer-visiting filename)))))
    (and (buffer-live-p buffer) buffer)))

(defun replwire-show-message (error)
  "The exception of ERROR in words: itself, its notes, what led to it."
  (let ((about (lambda (one)
                 (concat (plist-get one :exception_type)
                         (unless (string-empty-p (plist-get one :exception_message))
                           (concat ": " (plist-get one :exception_message)))))))
    (string-join
     `(,(funcall about error)
       ,@(plist-get error :notes)
       ,@(mapcar (lambda (cause)
                   (let ((place (car (last (plist-get cause :frames)))))
                     (concat (plist-get cause :relation) ": " (funcall about cause)
                             (when place
                               (format " (%s, line %d)" (file-name-nondirectory (plist-get place :filename))
                                       (plist-get place :line))))))
                 (plist-get error :causes)))
     "\n")))

(defun replwire-show--range (frame shift first-column first)
  "Where FRAME of a traceback stands in this buffer, as a cons.
Its columns are moved by SHIFT, those of line FIRST by FIRST-COLUMN as well."
  (save-excursion
    (save-restriction
      (widen)
      (let* ((place (lambda (line column)
                      (goto-char (point-min))
                      (forward-line (1- line))
                      (min (line-end-position)
                           (+ (point) column shift (if (eql line first) first-column 0)))))
             (line (plist-get frame :line))
             (end-line (or (plist-get frame :end_line) line))
             (begin (if (plist-get frame :column)
                        (funcall place line (plist-get frame :column))
                      (goto-char (point-min))
                      (forward-line (1- line))
                      (back-to-indentation)
                      (point)))
             (end (if (plist-get frame :end_column)
                      (funcall place end-line (plist-get frame :end_column))
                    (goto-char begin)
                    (line-end-position))))
        (cons begin (max end (min (1+ begin) (point-max))))))))

(defun replwire-show--place (execution frame message innermost)
  "Mark FRAME of EXECUTION in this buffer with MESSAGE.
INNERMOST is where it failed.  Return a diagnostic for Flymake."
  (let* ((own (equal (plist-get frame :filename) (replwire-execution-filename execution)))
         (range (replwire-show--range frame (if own (or (replwire-execution-indent execution) 0) 0)
                                      (if own (or (replwire-execution-column execution) 0) 0)
                                      (replwire-execution-first execution)))
         (overlay (make-overlay (car range) (cdr range))))
    (overlay-put overlay 'replwire t)
    (overlay-put overlay 'replwire-message message)
    (overlay-put overlay 'help-echo message)
    (overlay-put overlay 'face (if innermost 'replwire-error-place 'replwire-error-caller))
    (overlay-put overlay 'modification-hooks '(replwire-show--changed))
    (when (require 'flymake nil t)
      (flymake-make-diagnostic (current-buffer) (car range) (cdr range)
                               (if innermost :error :note) message))))

(defun replwire-show--error (session error execution)
  "Show ERROR of EXECUTION of SESSION where it happened."
  (let* ((message (replwire-show-message error))
         (frames (plist-get error :frames))
         (known (cl-remove-if-not (lambda (frame) (replwire-show--buffer session (plist-get frame :filename)))
                                  frames))
         (found nil))
    (dolist (frame known)
      (let ((buffer (replwire-show--buffer session (plist-get frame :filename)))
            (innermost (eq frame (car (last known)))))
        (with-current-buffer buffer
          (push (replwire-show--place execution frame
                                      (if innermost message
                                        (concat "called here: " (plist-get error :exception_type)))
                                      innermost)
                (alist-get buffer found)))))
    (pcase-dolist (`(,buffer . ,diagnostics) found)
      (with-current-buffer buffer
        (replwire-show--tell-flymake (delq nil diagnostics))))))

(defun replwire-show-visit (filename line)
  "Go to LINE of FILENAME, by the names that the session of this buffer knows."
  (let* ((session (replwire--need))
         (path (expand-file-name filename (replwire-session-root session)))
         (buffer (or (replwire-show--buffer session filename)
                     (replwire-show--buffer session path)
                     (and (file-exists-p path) (find-file-noselect path))
                     (user-error "%s is not here" filename))))
    (pop-to-buffer buffer '((display-buffer-reuse-window display-buffer-use-some-window)
                            (inhibit-same-window . t)))
    (widen)
    (goto-char (point-min))
    (forward-line (1- line))))

(setq replwire-visit-function #'replwire-show-visit)

;;; Questions

(defvar replwire-show--asking nil "The session and the question that is shown, as a cons.")
(defvar replwire-show--left nil "Questions that were not answered when they were shown.")

(defun replwire-show--question ()
  "The session and the oldest question that waits to be shown, as a cons."
  (cl-loop for session being the hash-values of replwire-sessions
           for frame = (cl-find-if-not (lambda (frame) (memq frame replwire-show--left))
                                       (replwire-session-inputs session))
           when frame return (cons session frame)))

(defun replwire-show--ask-soon (&optional patience)
  "Show the next question as soon as the user is not in the midst of something.
Whoever goes on typing is waited for PATIENCE times."
  (unless (or replwire-show--asking (null (replwire-show--question)))
    (if (or (active-minibuffer-window)
            (and (eq last-command 'self-insert-command)
                 (> (or patience 5) 0)
                 (< (float-time (or (current-idle-time) 0)) 0.5)))
        (run-with-timer 0.3 nil #'replwire-show--ask-soon (1- (or patience 5)))
      (run-with-timer 0 nil #'replwire-show--ask))))

(defun replwire-show--ask ()
  "Show the next question in the minibuffer."
  (let ((question (and (not replwire-show--asking) (not (active-minibuffer-window)) (replwire-show--question))))
    (when question
      (let* ((session (car question)) (frame (cdr question)) (id (plist-get frame :id))
             (prompt (plist-get frame :prompt)) (eof nil)
             (prompt (if (string-empty-p prompt) (concat (replwire-session-name session) " reads: ") prompt))
             (map (make-sparse-keymap))
             (answer nil))
        (setq replwire-show--asking question)
        (define-key map (kbd "C-d") (lambda () (interactive)
                                      (if (not (string-empty-p (minibuffer-contents)))
                                          (call-interactively #'delete-char)
                                        (setq eof t)
                                        (exit-minibuffer))))
        (unwind-protect
            (condition-case nil
                (minibuffer-with-setup-hook
                    (lambda () (use-local-map (make-composed-keymap map (current-local-map))))
                  (setq answer (if (plist-get frame :password) (read-passwd prompt) (read-string prompt))))
              (quit nil))
          (setq replwire-show--asking nil))
        (cond ((not (cl-find id (replwire-session-inputs session)
                             :key (lambda (frame) (plist-get frame :id)) :test #'equal))
               (message "replwire: the question is gone: %s" prompt))
              (eof (replwire-session-respond session id :eof t))
              (answer (replwire-session-respond session id :data answer))
              (t (push frame replwire-show--left)
                 (message "replwire: not answered; C-c , a asks again, C-c , e ends the input, C-c , x refuses")))
        (replwire-show--ask-soon)))))

(defun replwire-show--closed (frame)
  "The question of FRAME is gone: so is its prompt."
  (when (and replwire-show--asking
             (equal (plist-get frame :id) (plist-get (cdr replwire-show--asking) :id))
             (active-minibuffer-window))
    (run-with-timer 0 nil (lambda ()
                            (when (and replwire-show--asking (active-minibuffer-window))
                              (abort-recursive-edit))))))

(defun replwire-show--waiting ()
  "The oldest question of this buffer's session, or an error."
  (or (car (replwire-session-inputs (replwire--need))) (user-error "Nothing is asked")))

(defun replwire-answer (&optional text)
  "Ask again what the session asks, or answer it with TEXT."
  (interactive)
  (let ((frame (replwire-show--waiting)))
    (if text
        (replwire-session-respond (replwire--need) (plist-get frame :id) :data text)
      (setq replwire-show--left (delq frame replwire-show--left))
      (replwire-show--ask))))

(defun replwire-end-of-file ()
  "End the input: what the session asks for gets EOFError."
  (interactive)
  (replwire-session-respond (replwire--need) (plist-get (replwire-show--waiting) :id) :eof t))

(defun replwire-refuse (&optional why)
  "Refuse what the session asks for: it gets RuntimeError, with WHY."
  (interactive)
  (replwire-session-respond (replwire--need) (plist-get (replwire-show--waiting) :id)
                            :error (or why "refused in the editor")))

;;; What happens

(defun replwire-show--begin (execution)
  "Take away what earlier ones have left at the lines of EXECUTION."
  (let ((buffer (replwire-execution-buffer execution)))
    (when (buffer-live-p buffer)
      (with-current-buffer buffer
        (save-restriction
          (widen)
          (let ((mark (replwire-execution-mark execution)))
            (when mark
              (remove-overlays (save-excursion
                                 (goto-char mark)
                                 (forward-line (- (replwire-execution-first execution)
                                                  (replwire-execution-last execution)))
                                 (point))
                               (min (point-max) (1+ mark)) 'replwire t)))
          ;; An error anywhere in the buffer is of an earlier run.
          (dolist (overlay (overlays-in (point-min) (point-max)))
            (when (overlay-get overlay 'replwire-message)
              (delete-overlay overlay))))
        (replwire-show--tell-flymake nil)))))

(defun replwire-show (what session data execution)
  "Show WHAT happens in SESSION, with DATA of EXECUTION."
  (pcase what
    ('begin (replwire-show--begin execution))
    ('started (replwire-show--behind execution nil "…" 'replwire-busy))
    ('output (when (and execution (eq replwire-inline 'output) (replwire-execution-buffer execution)
                        (not (replwire-execution-silent execution)))
               ;; Some ten times a second is enough.
               (setf (replwire-execution-silent execution) t)
               (run-with-timer 0.1 nil (lambda ()
                                         (setf (replwire-execution-silent execution) nil)
                                         (when (replwire-execution-running execution)
                                           (replwire-show--behind execution nil "…" 'replwire-busy
                                                                  (replwire-show--tail execution)))))))
    ('value (replwire-show--behind execution (plist-get data :line)
                                   (concat "= " (plist-get data :repr)) 'replwire-value))
    ('result (let ((repr (or (plist-get data :repr) (plist-get (plist-get data :display) :text/plain))))
               (replwire-show--behind execution nil (if repr (concat "= " repr) "✓")
                                      (if repr 'replwire-value 'replwire-busy)
                                      (replwire-show--tail execution))))
    ('error (replwire-show--behind execution nil
                                   (if (string-empty-p (plist-get data :exception_type))
                                       (plist-get data :reason)
                                     (replwire-show-message (list :exception_type (plist-get data :exception_type)
                                                                  :exception_message (plist-get data :exception_message))))
                                   'replwire-error)
            (unless (member (plist-get data :reason) '("cancelled" "aborted"))
              (replwire-show--error session data execution)))
    ('undone (replwire-show--behind execution nil "undone" 'replwire-note))
    ('gone (replwire-show--behind execution nil "not finished" 'replwire-error))
    ('input (replwire-show--ask-soon))
    ('input-closed (replwire-show--closed data))))

(add-hook 'replwire-session-functions #'replwire-show)

(provide 'replwire-show)
;;; replwire-show.el ends here
